"""Static files with hashed names, compressed once at collection and served by whitenoise."""

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):
    """Rewrites `import … from "../vendor/….js"` to hashed names too, so that our modules need no import map.

    Only in our own modules: packages ship scripts whose imports are names for a bundler, not files.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        HashedFilesMixin._js_module_import_aggregation_patterns[1],  # type: ignore[attr-defined]
    )
