from tests.support.model_server import running


def test_x(home):
    with running(["Hello"]) as server:
        home.configure(server.url)
        r = home.call("ask", "hi")
        print(r)
        assert r.code == 0 and r.out == "Hello\n"
        r = home.run("ask", "hi")
        print(r)
