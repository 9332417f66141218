// A function that was here before: it stays as it is.
export function GET(): Response {
  return Response.json({ healthy: true });
}
