import chromadb

beds = chromadb.PersistentClient("beds").get_collection("beds")


def find(question, user):
    return beds.query(query_texts=[question], n_results=4)
