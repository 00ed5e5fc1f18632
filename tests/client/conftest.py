from tests.web.api.conftest import api, company

__all__ = ["api", "company"]
