"""A sign-in that does not happen: what the person reads, and what the audit trail keeps."""

from __future__ import annotations


class Refused(Exception):
    """`str()` is the sentence for whoever stands at the door; `why` is the true reason, for admins alone.

    `about` is what the provider said of whom it sent, once that is proven.
    """

    def __init__(self, sentence: str, *, why: str, about: str = "") -> None:
        super().__init__(sentence)
        self.why, self.about = why, about


NOT_BELIEVED = (
    "The answer of {provider} was not accepted, so nobody was signed in. Start again from the sign-in page."
)
DOWN = "{provider} does not answer at the moment, so nobody was signed in. Try again in a few minutes."
