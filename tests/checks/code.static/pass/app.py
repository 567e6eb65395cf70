import torch
from transformers import AutoModel

model = AutoModel.from_pretrained("garden-lab/tulip", revision="8f3ac2d19e0b47c56d1e2f3a4b5c6d7e8f901234")
weights = torch.load("own.pt", weights_only=True)
