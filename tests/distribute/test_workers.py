"""Local workers can't be reached from elsewhere, nor by who has not their certificate."""

import json
import urllib.error
import urllib.request

import pytest

from napari_organelle.distribute.workers import workers

psutil = pytest.importorskip("psutil")
distributed = pytest.importorskip("distributed")


@pytest.mark.slow
def test_local_workers_listen_here_only_and_speak_tls() -> None:
    with workers(1) as client:
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        assert all(address.startswith("tls://127.0.0.1:") for address in client.nthreads())
        me = psutil.Process()
        listening = [
            (process.pid, connection.laddr)
            for process in (me, *me.children(recursive=True))
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert {address.ip for _, address in listening} == {"127.0.0.1"}
        for _, address in listening:
            for page in ("/status", "/info/main/workers.html", "/json/counts.json"):
                with pytest.raises((OSError, urllib.error.HTTPError, json.JSONDecodeError)):
                    urllib.request.urlopen(f"http://127.0.0.1:{address.port}{page}", timeout=5)
        with pytest.raises((OSError, ValueError, TypeError)):
            distributed.Client(client.scheduler.address.replace("tls", "tcp"), timeout="3s")
