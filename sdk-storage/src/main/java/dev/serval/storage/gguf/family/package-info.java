/**
 * What sets each architecture of GGUF files apart: a class for each family.
 *
 * <p>To add an architecture, describe it in the class of its family, such as {@link
 * dev.serval.storage.gguf.family.Llama}: {@link dev.serval.storage.gguf.architecture.Description}
 * lists all that there is to say, such as what its tensors are called where names differ, what
 * positions turn, which keys it has that others have not, and the step that translates these. A new
 * family is a new class, which {@link dev.serval.storage.gguf.family.Architectures} lists.
 */
package dev.serval.storage.gguf.family;
