package dev.serval.api.model;

import java.util.Optional;

/**
 * How a checkpoint's model reads and writes text.
 *
 * @param tokenizer its tokenizer
 * @param chatTemplate its chat template; empty if the checkpoint has none
 */
public record TextCodec(Tokenizer tokenizer, Optional<ChatTemplate> chatTemplate) {}
