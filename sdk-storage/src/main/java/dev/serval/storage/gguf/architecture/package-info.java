/**
 * What sets each architecture of GGUF files apart, and the translation of what a file says of its
 * model into the fields of a Hugging Face {@code config.json}.
 *
 * <p>To add an architecture, describe it in the class of its family, such as {@link
 * dev.serval.storage.gguf.architecture.Llama}; {@link
 * dev.serval.storage.gguf.architecture.Description} lists all that there is to say: what its
 * tensors are called where names differ, which keys it has that others do not and the step that
 * translates them, what positions turn, and so on. A new family is a new class, which {@link
 * dev.serval.storage.gguf.architecture.Architectures} lists. What changes a model's results and is
 * not translated belongs into {@link dev.serval.storage.gguf.architecture.Refusals}.
 */
package dev.serval.storage.gguf.architecture;
