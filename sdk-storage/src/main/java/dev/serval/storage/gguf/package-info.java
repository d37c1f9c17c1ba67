/**
 * GGUF files: {@link dev.serval.storage.gguf.GgufFile} finds the parts of one, checks how they lie,
 * and translates names, configuration and tokenizer into Hugging Face's vocabulary.
 */
package dev.serval.storage.gguf;
