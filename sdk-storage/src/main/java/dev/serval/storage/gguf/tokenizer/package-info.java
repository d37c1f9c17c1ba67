/** The tokenizers of GGUF files, as the texts of a Hugging Face {@code tokenizer.json}. */
package dev.serval.storage.gguf.tokenizer;
