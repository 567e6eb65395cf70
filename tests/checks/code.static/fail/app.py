import joblib
from huggingface_hub import hf_hub_download
from transformers import AutoModel

model = AutoModel.from_pretrained("garden-lab/tulip", trust_remote_code=True)
path = hf_hub_download("garden-lab/tulip", "model.joblib")
other = joblib.load(path)
