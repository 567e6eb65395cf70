from openai import OpenAI

client = OpenAI()


def answer(question):
    reply = client.chat.completions.create(model="guide", messages=[{"role": "user", "content": question}])
    return reply.choices[0].message.content


def rows(question, cursor):
    text = answer(question)
    cursor.execute(f"SELECT * FROM plants WHERE {text}")
    return eval(text.strip())
