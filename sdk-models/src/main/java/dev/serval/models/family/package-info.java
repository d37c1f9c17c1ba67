/**
 * Model families: each says in a few lines what sets it apart from the others, and shares {@link
 * dev.serval.models.decoder.DecoderFamily} with them.
 *
 * <p>To add a family, write a class like {@link dev.serval.models.family.Qwen3} and name it in
 * {@code module-info} and under {@code META-INF/services}.
 */
package dev.serval.models.family;
