import httpx
from fastapi import FastAPI

from api_service.problems import add_problem_handlers


async def test_an_internal_error_says_what_to_do_and_hides_its_text() -> None:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/")
    async def crash() -> None:
        raise RuntimeError("secret")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert "Try again in a moment" in answer.json()["detail"]
    assert "secret" not in answer.text
