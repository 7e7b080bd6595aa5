"""An MCP server on loopback that wants a login, and the authorization server that gives it: two ports, nothing but the standard library.

with oauth_servers() as there:
    there.mcp.url, there.auth.url
    there.approve(address)      # what a person's browser does with the address of a login; gives where it is sent then
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

TOOL = {
    "name": "echo",
    "description": "Says it again",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}
Reply = tuple[int, dict[str, str], Any]


@dataclass
class Seen:
    """A request: its method, its path without the query, its fields (query or form), its headers in small letters."""

    method: str
    path: str
    fields: dict[str, str]
    headers: dict[str, str]
    body: Any = None


@dataclass
class OAuthServers:
    """Both servers. A test changes what they do before it uses them.

    ``expires``: seconds of an access token. ``needs``: the scope that calling a tool takes. ``rotates``: a refresh token is good
    for one use. ``open_lists``: only calls want a login. ``tokens``: the access tokens that are good now, with their scopes;
    ``refresh``: the refresh tokens. ``metadata``, ``resource``: what is changed of what they say of themselves; ``None`` takes a
    field out. ``slow``: seconds that a renewal takes. ``faults``: a status by path; ``redirects``: an address by path.
    """

    expires: int | None = 3600
    needs: str = ""
    rotates: bool = True
    open_lists: bool = False
    slow: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    challenge: str | None = None
    faults: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    called: list[Any] = field(default_factory=list)
    mcp_port: int = 0
    auth_port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.mcp_port}/mcp"

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.auth_port}"

    def asked(self, path: str) -> list[Seen]:
        return [one for one in self.seen if one.path == path]

    def forms(self, grant: str) -> list[dict[str, str]]:
        return [one.fields for one in self.asked("/token") if one.fields.get("grant_type") == grant]

    def approve(self, address: str) -> str:
        """Open the address of a login as a browser does; gives where the person is sent."""
        parts = urlsplit(address)
        connection = HTTPConnection(parts.hostname or "", parts.port)
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return str(answer.headers["Location"])

    # -- the MCP server ------------------------------------------------------------------------------------------------

    def mcp(self, asked: Seen) -> Reply:
        if asked.path == "/.well-known/oauth-protected-resource/mcp":
            about = {"resource": self.url, "authorization_servers": [self.issuer], "scopes_supported": ["read"]}
            return 200, {}, _changed(about, self.resource)
        if asked.path != "/mcp":
            return 404, {}, {}
        if asked.method != "POST":
            return 405, {}, {}
        method = asked.body.get("method", "")
        scope = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        free = self.open_lists and method != "tools/call"
        pointer = f'resource_metadata="http://127.0.0.1:{self.mcp_port}/.well-known/oauth-protected-resource/mcp"'
        if scope is None and not free:
            return 401, {"WWW-Authenticate": self.challenge or f"Bearer {pointer}"}, {"error": "invalid_token"}
        if method == "tools/call" and not set(self.needs.split()) <= set((scope or "").split()):
            return 403, {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{self.needs}", {pointer}'}, {}
        return self._message(asked, method)

    def _message(self, asked: Seen, method: str) -> Reply:
        if "id" not in asked.body:
            return 202, {}, None
        result: dict[str, Any] | None = None
        if method == "initialize":
            result = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "behind a login", "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": [TOOL]}
        elif method == "tools/call":
            self.called.append(asked.body["params"])
            told = f"done, with {asked.headers.get('authorization')}"  # as a careless server would, into the transcript
            result = {"content": [{"type": "text", "text": told}]}
        head = {"jsonrpc": "2.0", "id": asked.body["id"]}
        if result is None:
            return 200, {}, {**head, "error": {"code": -32601, "message": "no such method"}}
        return 200, {}, {**head, "result": result}

    # -- the authorization server ---------------------------------------------------------------------------------------

    def auth(self, asked: Seen) -> Reply:
        if asked.path == "/.well-known/oauth-authorization-server":
            about = {
                "issuer": self.issuer,
                "code_challenge_methods_supported": ["S256"],
                "response_types_supported": ["code"],
                **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in ENDPOINTS.items()},
            }
            return 200, {}, _changed(about, self.metadata)
        handler = {"/register": self._register, "/authorize": self._authorize, "/token": self._token}.get(asked.path)
        if asked.path == "/revoke":
            self.tokens.clear()
            self.refresh.pop(asked.fields.get("token", ""), None)
            return 200, {}, {}
        return handler(asked) if handler is not None else (404, {}, {})

    def _register(self, asked: Seen) -> Reply:
        client = f"client-{secrets.token_hex(4)}"
        self.clients[client] = ""
        return 201, {}, {"client_id": client, "redirect_uris": asked.body["redirect_uris"]}

    def _authorize(self, asked: Seen) -> Reply:
        fields = asked.fields
        code = secrets.token_urlsafe(16)
        self.codes[code] = fields
        target = f"{fields['redirect_uri']}?{urlencode({'code': code, 'state': fields['state']})}"
        return 302, {"Location": target}, None

    def _token(self, asked: Seen) -> Reply:
        fields = asked.fields
        if fields.get("grant_type") == "refresh_token":
            time.sleep(self.slow)
            given = fields.get("refresh_token", "")
            scope = self.refresh.pop(given, None) if self.rotates else self.refresh.get(given)
        else:
            begun = self.codes.pop(fields.get("code", ""), {})
            digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
            proved = base64.urlsafe_b64encode(digest).decode().rstrip("=") == begun.get("code_challenge")
            scope = begun.get("scope", "") if proved else None
        if scope is None:
            return 400, {}, {"error": "invalid_grant"}
        access, again = f"access-{secrets.token_hex(12)}", f"refresh-{secrets.token_hex(12)}"
        self.tokens[access], self.refresh[again] = scope, scope
        given = {"access_token": access, "token_type": "Bearer", "refresh_token": again, "scope": scope}
        return 200, {}, given | ({"expires_in": self.expires} if self.expires is not None else {})


ENDPOINTS = {"authorization": "authorize", "token": "token", "registration": "register", "revocation": "revoke"}


def _changed(about: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**about, **changes}.items() if value is not None}


@contextmanager
def oauth_servers(**options: Any) -> Iterator[OAuthServers]:
    """Both servers, each with a port of its own."""
    there = OAuthServers(**options)
    running = [_serving(there, there.mcp), _serving(there, there.auth)]
    there.mcp_port, there.auth_port = (server.server_address[1] for server in running)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in running]
    for thread in threads:
        thread.start()
    try:
        yield there
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


def _serving(there: OAuthServers, answer: Any) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {key.lower(): value for key, value in self.headers.items()}
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fields, body = dict(parse_qsl(parts.query)), None
            if headers.get("content-type", "").startswith("application/x-www-form"):
                fields |= dict(parse_qsl(data.decode()))
            elif data:
                body = json.loads(data)
            asked = Seen(self.command, parts.path, fields, headers, body)
            there.seen.append(asked)
            if parts.path in there.redirects:
                status, more, content = 307, {"Location": there.redirects[parts.path]}, None
            elif parts.path in there.faults:
                status, more, content = there.faults[parts.path], {}, {"error": "a fault"}
            else:
                status, more, content = answer(asked)
            text = json.dumps(content).encode() if content is not None else b""
            self.send_response(status)
            for key, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **more}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
