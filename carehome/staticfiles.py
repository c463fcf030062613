"""Static files with hashed names, compressed once at collection and served by whitenoise."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Rewrites `import … from "../vendor/….js"` to hashed names too, so that modules need no import map."""

    support_js_module_import_aggregation = True
