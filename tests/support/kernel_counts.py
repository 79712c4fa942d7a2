"""What the kernel counted of calls, from an agent whose metrics listen on a unix socket (metrics.listen: unix:PATH)."""

import socket

import exposition
import tiercel as support

FAMILY = "tiercel_kernel_events"
OPENS = ("open", "openat", "openat2", "creat", "open_by_handle_at")


def ask(path, request):
    """One answer, to the end of the connection or of the line."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(support.WAIT_S)
        connection.connect(path)
        connection.sendall(request)
        answer = b""
        while True:
            got = connection.recv(1 << 20)
            answer += got
            if not got or (request.endswith(b"}\n") and answer.endswith(b"\n")):
                return answer


def page(path):
    """The page of metrics, read strictly: exposition.Page."""
    answer = ask(path, b"GET /metrics HTTP/1.0\r\n\r\n").decode()
    head, _, text = answer.partition("\r\n\r\n")
    if " 200 " not in head.split("\r\n")[0]:
        raise support.Failure(f"/metrics: {head}")
    return exposition.Page(text)


def of_event(metrics, event):
    """Of an event type so far: told, lost (with what was held back), and whatever else the kernel did with such calls: each family of
    metrics named tiercel_kernel_events_..._total that tells them apart by type."""
    found = {"told": 0, "lost": 0}
    for name, family in metrics.families.items():
        if not name.startswith(FAMILY) or not name.endswith("_total"):
            continue
        what = name.removeprefix(FAMILY).removesuffix("total").strip("_") or "told"
        for labels, value in family["samples"]:
            if labels.get("event") == event:
                found[what] = found.get(what, 0) + int(value)
    return {**found, "all": sum(found.values())}
