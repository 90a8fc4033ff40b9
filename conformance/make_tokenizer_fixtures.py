"""Writes src/features/fixtures/<name>.tokenizer.json, small tokenizers of every kind, and tokens.json: the ids that the
Hugging Face library gives a few texts, without special tokens, to hold the tokenize feature against. And steps.json: the
pieces into which steps before the model split texts.

Usage: python conformance/make_tokenizer_fixtures.py   (tokenizers)
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(__file__).parent.parent / "src" / "features" / "fixtures"

CORPUS = [
    "the quick brown fox jumps over the lazy dog",
    "Running shoes for women, size 42, red and white",
    "running jacket, waterproof; men's size XL (blue)",
    "Café crème brûlée — déjà vu in São Paulo",
    "wireless noise cancelling headphones with 30h battery",
    "the headphones are quick to charge and the battery lasts",
    "红色 运动鞋 女 42 码", "蓝色运动鞋 男 43 码", "无线降噪耳机 30 小时",
    "unbelievable unbreakable unlikely likely believe break",
] * 3

TEXTS = [
    "the quick red fox",
    "Running SHOES, size 42!",
    "unbelievably unbreakable headphones",
    "  leading   and trailing  spaces ",
    "tabs\tand\nlines",
    "Café crème, São Tomé",
    "红色运动鞋 size 43",
    "ｆｕｌｌ ｗｉｄｔｈ １２３ ﬁt ½",
    "emoji \U0001F45F\U0001F525 and ﷺ",
    "don't stop: it's 30h",
    "zzzz qqqq",
    "[UNK] <unk> [SEP] </s> in text",
    "a",
    " ",
    "",
]


def byte_level_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, special_tokens=["</s>"], show_progress=False)
    return tokenizer, trainer


def bpe_with_unknown():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer, trainers.BpeTrainer(vocab_size=160, special_tokens=["<unk>"], show_progress=False)


def bpe_without_unknown():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]+"), "removed", invert=True)
    return tokenizer, trainers.BpeTrainer(vocab_size=150, limit_alphabet=60, special_tokens=[], show_progress=False)


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[UNK]", "[CLS]", "[SEP]"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer, trainers.WordPieceTrainer(vocab_size=170, special_tokens=special, show_progress=False)


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=150, unk_token="<unk>", special_tokens=["<unk>", "</s>"], show_progress=False)
    return tokenizer, trainer


def steps():
    """Steps as a tokenizer.json has them, a text and its pieces."""
    cases = []
    texts = ["abbc", "xabbcxbbbzb", "b", "cc", "a b  bb,b"]
    for pattern in ["b", Regex("b+"), Regex("((b)+)"), Regex("b|c")]:
        for behavior in ["removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next"]:
            for invert in [False, True]:
                cases.append((None, pre_tokenizers.Split(pattern, behavior, invert=invert), texts))
    for content in ["", "-", "$&-$1", "$`$'", "$$", "\\1"]:
        cases.append((normalizers.Replace(Regex("(b+)"), content), None, texts))
    cases.append((None, pre_tokenizers.Sequence([pre_tokenizers.FixedLength(3), pre_tokenizers.Split("b", "isolated")]), texts))
    written = []
    for normalizer, pre_tokenizer, texts in cases:
        tokenizer = Tokenizer(models.WordPiece({"?": 0}, unk_token="?"))
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if pre_tokenizer is not None:
            tokenizer.pre_tokenizer = pre_tokenizer
        definition = json.loads(tokenizer.to_str())
        for text in texts:
            normal = text if normalizer is None else normalizer.normalize_str(text)
            pieces = [normal] if pre_tokenizer is None else [piece for piece, _ in pre_tokenizer.pre_tokenize_str(normal)]
            step = {key: definition[key] for key in ["normalizer", "pre_tokenizer"]}
            written.append({**step, "text": text, "pieces": [piece for piece in pieces if piece]})
    return written


def main():
    OUT.mkdir(exist_ok=True)
    expected = {}
    for make in [byte_level_bpe, bpe_with_unknown, bpe_without_unknown, word_piece, unigram]:
        tokenizer, trainer = make()
        tokenizer.train_from_iterator(CORPUS, trainer)
        tokenizer.save(str(OUT / f"{make.__name__}.tokenizer.json"), pretty=False)
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        expected[make.__name__] = {"size": tokenizer.get_vocab_size(), "ids": ids}
    (OUT / "steps.json").write_text(json.dumps(steps()) + "\n")
    tokens = {"texts": TEXTS, "tokenizers": expected}
    (OUT / "tokens.json").write_text(json.dumps(tokens) + "\n")


if __name__ == "__main__":
    main()
