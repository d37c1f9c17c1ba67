/**
 * Model families: each says in a few lines what sets it apart from the others, and shares {@link
 * dev.serval.models.family.DecoderFamily} with them, the forward pass of a decoder-only
 * transformer.
 *
 * <p>To add a family, write a class like {@link dev.serval.models.family.Qwen3} and name it in
 * {@code module-info}.
 */
package dev.serval.models.family;
