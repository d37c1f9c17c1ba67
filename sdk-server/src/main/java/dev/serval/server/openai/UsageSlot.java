package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonValue;
import org.jspecify.annotations.Nullable;

/**
 * The usage in a chunk of a stream that was asked to include it: null in all chunks but the last. A
 * stream that was not asked has no slot, and then the field is left out.
 */
record UsageSlot(@JsonValue @Nullable UsageBody usage) {
  static final UsageSlot PENDING = new UsageSlot(null);
}
