# SPDX-License-Identifier: Apache-2.0
"""The service: an ordinary FastAPI app, which knows nothing of attestation."""

from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()


class Body(BaseModel):
    message: str


@app.get("/")
def hello() -> dict[str, str]:
    return {"message": "Hello World"}


@app.get("/get_headers")
def get_headers(request: Request) -> dict[str, str]:
    return dict(request.headers)


@app.post("/log_body")
def log_body(body: Body) -> dict[str, str]:
    print(f"app: somebody says: {body.message}", flush=True)
    return {"message": "Success"}
