/**
 * GGUF files: {@link dev.serval.storage.gguf.GgufFile} finds the parts of one, and names its
 * tensors, configuration and tokenizer in Hugging Face's vocabulary. Below it are how a file lies
 * in bytes ({@code format}), what sets each architecture apart ({@code architecture}) and {@code
 * tokenizer}.
 */
package dev.serval.storage.gguf;
