import html

from openai import OpenAI

client = OpenAI()


def answer(question):
    reply = client.chat.completions.create(model="guide", messages=[{"role": "user", "content": question}])
    return reply.choices[0].message.content


def page(question, cursor):
    text = answer(question)
    cursor.execute("INSERT INTO log VALUES (?)", (text,))
    return html.escape(text)
