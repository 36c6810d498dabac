"""A real SMTP server (aiosmtpd) that keeps nothing and says everything: one JSON line on stdout for each message, with its
envelope and its decoded parts, and for each recipient it refuses.
Usage: sink.py CERT KEY starttls|tls|plain [USER:PASSWORD]. Recipients `reject…` get 550, `defer…` 451."""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

cert, key, mode = sys.argv[1:4]
wanted = sys.argv[4].split(":", 1) if len(sys.argv) > 4 else None


def say(**line):
    print(json.dumps(line), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("reject"):
            say(refused=address)
            return "550 5.1.1 no such user here"
        if address.startswith("defer"):
            say(deferred=address)
            return "451 4.7.1 greylisted, try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        say(to=envelope.rcpt_tos, sender=envelope.mail_from, tls=session.ssl is not None or mode == "tls",
            auth=bool(session.authenticated), subject=message["subject"], id=message["message-id"],
            automatic=message["auto-submitted"], text=parts.get("text/plain"), html=parts.get("text/html"))
        return "250 stored"


def check(server, session, envelope, mechanism, data):
    fits = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()] == wanted
    return AuthResult(success=fits, handled=fits)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)


async def main():
    def factory():
        return SMTP(Handler(), hostname="localhost", tls_context=context if mode == "starttls" else None,
                    require_starttls=mode == "starttls", authenticator=check if wanted else None,
                    auth_required=bool(wanted), auth_require_tls=mode == "starttls", enable_SMTPUTF8=True)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    say(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
