PLANTS = ["tulip"]
