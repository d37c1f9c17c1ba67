/**
 * What may be said of an architecture ({@link dev.serval.storage.gguf.architecture.Description}),
 * and the translation of what a file says of its model into the fields of a Hugging Face {@code
 * config.json} ({@link dev.serval.storage.gguf.architecture.ModelConfiguration}), step by step, by
 * what is said of its architecture. A key that changes a model's results and that no step
 * translates belongs into {@link dev.serval.storage.gguf.architecture.Refusals}.
 */
package dev.serval.storage.gguf.architecture;
