"""The WSGI entry point (granian: `config.wsgi:application`)."""

import gc
import os

# Answers are many small products: with several BLAS threads each, they wait for one another. Read when numpy is loaded.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402  # after the thread limits

application = get_wsgi_application()
gc.collect()
gc.freeze()  # what the start made stays for good: no collection during a request walks over it
