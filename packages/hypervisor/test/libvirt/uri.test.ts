import assert from "node:assert/strict";
import { test } from "node:test";
import { LibvirtUriError } from "../../src/libvirt/errors.ts";
import { parseUri, sshArguments } from "../../src/libvirt/uri.ts";

const root = { uid: 0, home: "/root", runtimeDir: undefined };
const user = { uid: 1000, home: "/home/ann", runtimeDir: "/run/user/1000" };
const lone = { uid: 1000, home: "/home/ann", runtimeDir: undefined };

const SOCKETS = [
  ["qemu:///system", false, user, "qemu:///system", ["virtqemud-sock", "libvirt-sock"], "/var/run/libvirt"],
  ["qemu:///system", true, user, "qemu:///system", ["virtqemud-sock-ro", "libvirt-sock-ro"], "/var/run/libvirt"],
  ["qemu:///session", false, user, "qemu:///session", ["virtqemud-sock", "libvirt-sock"], "/run/user/1000/libvirt"],
  ["qemu:///session", true, user, "qemu:///session", ["virtqemud-sock", "libvirt-sock"], "/run/user/1000/libvirt"],
  ["qemu:///session", false, lone, "qemu:///session", ["virtqemud-sock", "libvirt-sock"], "/home/ann/.cache/libvirt"],
  ["qemu:///session", false, root, "qemu:///session", ["virtqemud-sock", "libvirt-sock"], "/var/run/libvirt"],
  ["test:///default", false, root, "test:///default", ["libvirt-sock"], "/var/run/libvirt"],
  ["test:///default", false, user, "test:///default", ["libvirt-sock"], "/run/user/1000/libvirt"],
  ["qemu+unix:///system", false, root, "qemu:///system", ["virtqemud-sock", "libvirt-sock"], "/var/run/libvirt"],
  ["qemu:///system?socket=/a%20b/sock", false, root, "qemu:///system", ["sock"], "/a b"],
  ["qemu+ssh://h/system", true, user, "qemu:///system", ["virtqemud-sock-ro", "libvirt-sock-ro"], "/var/run/libvirt"],
] as const;

for (const [uri, readOnly, around, name, sockets, dir] of SOCKETS) {
  test(`${uri} of user ${around.uid}${readOnly ? ", to read," : ""} is ${name} at ${dir}/${sockets.join(", ")}`, () => {
    const target = parseUri(uri, readOnly, around);
    assert.equal(target.name, name);
    assert.deepEqual(
      target.sockets,
      sockets.map((socket) => `${dir}/${socket}`),
    );
  });
}

const HELPER = "if command -v virt-ssh-helper >/dev/null 2>&1; then exec virt-ssh-helper";

const SSH = [
  ["qemu+ssh://host/system", false, ["--", "host"], HELPER],
  ["qemu+ssh://ann@host:2222/system", true, ["-l", "ann", "-p", "2222", "--", "host"], `${HELPER} -r`],
  ["qemu+ssh://[::1]/session", false, ["--", "::1"], "exec virt-ssh-helper '\\''qemu:///session'\\''"],
  ["qemu+ssh://h/system?keyfile=/k", false, ["-i", "/k", "--", "h"], HELPER],
  ["qemu+ssh://h/system?proxy=native", false, ["--", "h"], "exec virt-ssh-helper '\\''qemu:///system'\\''"],
  ["qemu+ssh://h/system?proxy=netcat", false, ["--", "h"], "for s in '\\''/var/run/libvirt/virtqemud-sock'\\''"],
  ["qemu+ssh://h/system?socket=/it's", false, ["--", "h"], "for s in '\\''/it'\\''\\'\\'''\\''s'\\''; do"],
] as const;

for (const [uri, readOnly, words, script] of SSH) {
  test(`${uri} asks ssh for ${words.join(" ")}`, () => {
    const args = sshArguments(parseUri(uri, readOnly, user));
    assert.deepEqual(args.slice(0, -1), ["-T", "-e", "none", "-o", "BatchMode=yes", ...words]);
    assert.ok(args.at(-1)?.startsWith(`sh -c '${script}`), args.at(-1));
  });
}

const WRONG = [
  ["", /no URI/],
  ["/var/run/libvirt/libvirt-sock", /no URI/],
  ["qemu+tls://host/system", /the transport tls is not known here/],
  ["qemu://host/system", /another host is reached by \+ssh/],
  ["qemu+ssh:///system", /\+ssh needs a host/],
  ["qemu:///system?sokcet=/x", /sokcet is no parameter/],
  ["qemu+ssh://-oProxyCommand=x/system", /a leading -|no URI/],
  ["qemu+ssh://-oProxyCommand=x@h/system", /a leading -/],
  ["qemu+ssh://h/system?proxy=carrier-pigeon", /proxy is auto, native or netcat/],
  ["qemu+ssh://h/session?proxy=netcat", /name the session's socket/],
] as const;

for (const [uri, message] of WRONG) {
  test(`${uri || "an empty URI"} is refused`, () => {
    assert.throws(
      () => parseUri(uri, false, root),
      (error) => {
        assert.ok(error instanceof LibvirtUriError);
        assert.match(error.message, message);
        assert.equal(error.exitCode, 2);
        return true;
      },
    );
  });
}
