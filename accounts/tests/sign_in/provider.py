"""A team's sign-in (OpenID Connect): a real HTTP server on loopback that signs what it says."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class Provider:
    """Signs in whoever comes as `person`: claims such as sub, email and email_verified.

    With PKCE, and codes that are good once.
    """

    ID, SECRET = "foam", "s3cret"

    def __init__(self, **person):
        self.person = person
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.get(self)

            def do_POST(self):
                provider.post(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def get(self, handler):
        path, query = urlsplit(handler.path).path, parse_qs(urlsplit(handler.path).query)
        if path == "/.well-known/openid-configuration":
            self.answer(
                handler,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "userinfo_endpoint": f"{self.url}/userinfo",
                    "jwks_uri": f"{self.url}/keys",
                },
            )
        elif path == "/keys":
            jwk = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
            self.answer(handler, {"keys": [{**jwk, "kid": "1", "alg": "RS256"}]})
        elif path == "/userinfo":
            is_ours = handler.headers["Authorization"] == "Bearer access"
            self.answer(handler, self.person if is_ours else {}, 200 if is_ours else 401)
        else:
            code = f"code{len(self.codes)}"
            self.codes[code] = query["code_challenge"][0]
            back = urlencode({"code": code, "state": query["state"][0]})
            handler.send_response(302)
            handler.send_header("Location", f"{query['redirect_uri'][0]}?{back}")
            handler.end_headers()

    def post(self, handler):
        body = parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        challenge = self.codes.pop(body["code"][0], None)
        digest = hashlib.sha256(body["code_verifier"][0].encode()).digest()
        is_theirs = body["client_secret"] == [self.SECRET] and body["client_id"] == [self.ID]
        if not is_theirs or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
            return self.answer(handler, {"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.ID, "iat": now, "exp": now + 60, **self.person}
        token = jwt.encode(claims, self.key, "RS256", headers={"kid": "1"})
        return self.answer(
            handler, {"access_token": "access", "token_type": "Bearer", "id_token": token}
        )

    def answer(self, handler, document, status=200):
        content = json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
