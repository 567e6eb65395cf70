"""What the user says of one AI service: `safecase.yaml`, read with the place of everything in it.

    from safecase.service import read

    service = read.read(read.find(Path()))      # ManifestError holds every fault of the file at once
    service.manifest.deployment.exposure        # a value, by the schema
    service.facts                               # every declared value, with its line and column
    read.endpoint_of(service.manifest)          # the endpoint as a block, however it is written

`schema` says what the file may hold and is the one source of it: `shapes` reads each key's kind off it, `keys` makes
its pages, `wrong` tells what does not fit, `sense` what no schema can say, `literals` refuses secrets. `facts` joins
what was declared with what `discover` finds in the repository; `subjects` are the parts that checks look at.
"""
