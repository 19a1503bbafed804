"""A language model that writes the same answer to the same question: OpenAI's chat completions with a JSON schema, usage and all.

Lives here: what a model server answers, well or badly; the ways a real one goes wrong can be asked for at `/_model/…`.
May not live here: anything of the product. It reads a request as any server does: the schema, and the user's message.
"""

MODEL = "sandbox-model"
