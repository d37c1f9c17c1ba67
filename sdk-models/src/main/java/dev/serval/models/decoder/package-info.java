/**
 * Decoder-only transformers, which most families are: what may set one apart ({@code traits}, read
 * from its {@code config}), which {@code tensors} it needs, their {@code loading} and the {@code
 * forward} pass.
 */
package dev.serval.models.decoder;
