// How soon a change reaches ten other clients over automerge-repo's sync server, and how many changes a second a hundred clients,
// four a document, have from one another. Prints: p50 ms, p99 ms, changes a second. The server is a process of its own.
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Repo } from "@automerge/automerge-repo"
import { BrowserWebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"

const LISTENERS = 10
const POLLS = 100
const DOCUMENTS = 25
const EACH = 4
const CHANGES = 10

const port = await new Promise((done) => {
  const free = createServer().listen(0, "127.0.0.1", () => {
    const { port } = free.address()
    free.close(() => done(port))
  })
})
const data = mkdtempSync(join(tmpdir(), "aimon-peer-"))
const program = fileURLToPath(import.meta.resolve("@automerge/automerge-repo-sync-server"))
const server = spawn(process.execPath, [program], {
  env: { ...process.env, PORT: String(port), DATA_DIR: data },
  stdio: ["ignore", "pipe", "inherit"],
})
process.on("exit", () => {
  server.kill()
  rmSync(data, { recursive: true, force: true })
})
await new Promise((done) => server.stdout.on("data", (said) => String(said).includes("Listening") && done()))

const client = () => new Repo({ network: [new BrowserWebSocketClientAdapter(`ws://127.0.0.1:${port}`)] })
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

/** A document, as each of some clients holds it. */
async function shared(clients) {
  const first = clients[0].create()
  first.change((doc) => {
    doc.polls = []
  })
  await sleep(100)
  const others = clients.slice(1).map((repo) => repo.find(first.url))
  await Promise.all(others.map((handle) => handle.whenReady()))
  return [first, ...others]
}
const push = (handle, text) =>
  handle.change((doc) => {
    doc.polls.push(text)
  })

const [sender, ...listeners] = await shared(Array.from({ length: LISTENERS + 1 }, client))
let heard = () => {}
for (const listener of listeners) listener.on("change", () => heard())
const waits = []
for (let poll = 0; poll < POLLS; poll++) {
  let left = LISTENERS
  const began = performance.now()
  const all = new Promise((done) => {
    heard = () => {
      waits.push(performance.now() - began)
      if (--left === 0) done()
    }
  })
  push(sender, randomBytes(100).toString("hex"))
  await all
  await sleep(20)
}
waits.sort((a, b) => a - b)
const percentile = (n) => waits[Math.min(waits.length - 1, Math.floor((waits.length * n) / 100))]

const crowds = await Promise.all(
  Array.from({ length: DOCUMENTS }, () => shared(Array.from({ length: EACH }, client))),
)
const began = performance.now()
await Promise.all(
  crowds.map(async (handles) => {
    const full = handles.map(
      (handle) =>
        new Promise((done) => {
          const look = () => handle.docSync().polls.length === EACH * CHANGES && done()
          handle.on("change", look)
        }),
    )
    for (let n = 0; n < CHANGES; n++) {
      for (const handle of handles) push(handle, randomBytes(100).toString("hex"))
      await sleep(0)
    }
    await Promise.all(full)
  }),
)
const seconds = (performance.now() - began) / 1000
const rate = Math.round((DOCUMENTS * EACH * CHANGES) / seconds)
console.log(`${percentile(50).toFixed(1)} ${percentile(99).toFixed(1)} ${rate}`)
process.exit(0)
