// An OpenID Connect provider on oidc-provider, for tests: `node oidc.mjs REDIRECT_URI`.
//
// It takes any free port and prints it. Whoever signs in at its form is the person of that name:
//   NAME              NAME@firm.example, proven           NAME.unproven     the same address, not proven
//   NAME.elsewhere    NAME@other.example, proven
// One client, "brevdue" with the secret "client-secret", which must use PKCE. SIGTERM ends it.
import http from "node:http";
import Provider from "oidc-provider";

const [redirectUri] = process.argv.slice(2);
const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const claims = (sub) => {
    const [name, kind] = sub.split(".");
    const domain = kind === "elsewhere" ? "other.example" : "firm.example";
    return { sub, email: `${name}@${domain}`, email_verified: kind !== "unproven", name: `${name} of ${domain}` };
  };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "brevdue",
        client_secret: "client-secret",
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => claims(sub) }),
    pkce: { required: () => true, methods: ["S256"] },
    cookies: { keys: ["a key of the tests"] },
    features: { devInteractions: { enabled: true } },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${server.address().port}\n`);
});
process.on("SIGTERM", () => process.exit(0));
