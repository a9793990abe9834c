"""ListDocumentVersions, which stock moto lacks."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.models import Document, Documents, ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from lab.ssm.errors import SSMException, request_of
from lab.ssm.listing import page

MAX_PAGE = 50


def list_document_versions(response: SimpleSystemManagerResponse) -> ActionResult:
    """ListDocumentVersions: newest first, 50 a page. Raises InvalidDocument."""
    request = request_of(response)
    documents = ssm_backends[response.current_account][response.region]._documents.get(request["Name"])
    if not documents:
        raise SSMException("InvalidDocument", "The specified document does not exist.")
    numbers = sorted(documents.versions, key=int, reverse=True)
    shown, token = page(numbers, numbers, request, MAX_PAGE)
    views = [view(documents, documents.versions[number]) for number in shown]
    return ActionResult({"DocumentVersions": views, **token})


def view(documents: Documents, document: Document) -> dict[str, Any]:
    """One entry of the list."""
    return {
        "Name": document.name,
        "DocumentVersion": document.document_version,
        "CreatedDate": document.created_date,
        "IsDefaultVersion": document.document_version == documents.default_version,
        "DocumentFormat": document.document_format,
        "Status": document.status,
    }
