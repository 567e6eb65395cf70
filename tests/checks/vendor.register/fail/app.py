from openai import OpenAI

client = OpenAI(base_url="https://api.example-ai.test/v1")
client.chat.completions.create(model="gpt-4o-2024-08-06", messages=[])
