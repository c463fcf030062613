import pytest
from pyrage import x25519

from backups.errors import NoIdentity, NoRecipients
from backups.keys import read_identities, read_recipients


def test_read_recipients_reads_what_age_keygen_prints(tmp_path):
    key = x25519.Identity.generate()
    path = tmp_path / "recipients"
    path.write_text(f"# office safe\n\n{key.to_public()}\n  {x25519.Identity.generate().to_public()}  \n")

    recipients = read_recipients(path)

    assert len(recipients) == 2
    assert str(recipients[0]) == str(key.to_public())


@pytest.mark.parametrize("content", [b"", b"# nobody\n", b"age1nonsense\n", b"\xff\xfe\n"])
def test_read_recipients_refuses_a_file_without_a_usable_one(tmp_path, content):
    (tmp_path / "recipients").write_bytes(content)

    with pytest.raises(NoRecipients):
        read_recipients(tmp_path / "recipients")


def test_read_recipients_says_what_to_do_without_a_file(tmp_path):
    with pytest.raises(NoRecipients, match="age-keygen"):
        read_recipients(tmp_path / "none")


def test_read_identities_reads_an_age_identity_file(tmp_path):
    key = x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"# created: 2026\n# public key: {key.to_public()}\n{key}\n")

    assert [str(found) for found in read_identities(tmp_path / "identity")] == [str(key)]


@pytest.mark.parametrize("content", [b"", b"AGE-SECRET-KEY-1NONSENSE\n"])
def test_read_identities_never_repeats_the_line_it_cannot_read(tmp_path, content):
    (tmp_path / "identity").write_bytes(content)

    with pytest.raises(NoIdentity) as caught:
        read_identities(tmp_path / "identity")

    assert "NONSENSE" not in str(caught.value)
