from openai import OpenAI

client = OpenAI(base_url="https://cheap-llm-router.test/v1")
client.chat.completions.create(model="gpt-4o-2024-08-06", messages=[])
