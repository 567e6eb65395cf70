from huggingface_hub import snapshot_download
from transformers import AutoModel

model = AutoModel.from_pretrained("garden-lab/embedder")
other = snapshot_download(repo_id="stranger-43/other", revision="8f3ac2d19e0b47c56d1e2f3a4b5c6d7e8f901234")
