"""Opens the object store that the settings name, and the signer of its links."""

from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.secret import kept_secret, old_secrets
from shared.adapters.storage.settings import StoreSettings
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.settings import split_keys


def open_store(settings: StoreSettings) -> ObjectStore:
    """Return the S3 store if `PRECIEUX_S3_BUCKET` is set, else the one in a folder. It connects on first use."""
    settings.check()
    # Imported here, because boto3 takes 0.2 s of every start.
    if settings.s3_bucket:
        from shared.adapters.storage.s3 import S3Store

        links = open_signer(settings) if settings.s3_links == "api" else None
        return S3Store(settings.s3_bucket, settings.s3_endpoint_url, links)
    from shared.adapters.storage.local import LocalStore

    return LocalStore(settings.data_dir / "objects", open_signer(settings))


def open_signer(settings: StoreSettings) -> LinkSigner:
    """Return the signer of links to the local store. All processes of an installation use the same key."""
    if settings.secret_key is not None:
        key, *old = (key.encode() for key in split_keys(settings.secret_key))
        return LinkSigner(key, settings.public_url, old)
    return LinkSigner(kept_secret(settings.data_dir), settings.public_url, old_secrets(settings.data_dir))
