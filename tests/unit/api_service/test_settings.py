from api_service.settings import ApiSettings


def test_processes_share_the_bounds_of_connections_and_bodies() -> None:
    settings = ApiSettings(api_processes=4, max_source_bytes=1 << 20, max_input_bytes=0)
    one = settings.of_one_process()
    assert (one.connections, one.connections_per_address, one.part(3)) == (128, 32, 1)
    assert settings.all_bodies_bytes == 4 << 20
