package dev.serval.batching;

/**
 * Where a sequence stands in its engine.
 *
 * <pre>
 *   WAITING ⇄ RUNNING      begins, or gives way to others
 *   RUNNING ⇄ PAUSED       its reader is behind, or has caught up
 *   PAUSED  → SHELVED      gives way while it is paused
 *   SHELVED → WAITING      its reader has caught up
 *   any but ENDED → ENDED
 * </pre>
 */
enum SequenceState {
  /** Holds no block and waits for its turn. */
  WAITING,
  /** Holds blocks and takes part in steps. */
  RUNNING,
  /** Holds blocks and waits for its reader. */
  PAUSED,
  /** Holds no block and waits for its reader. */
  SHELVED,
  /** Holds no block and is not seen again. */
  ENDED;

  boolean mayBecome(SequenceState next) {
    return switch (this) {
      case WAITING -> next == RUNNING || next == ENDED;
      case RUNNING -> next == WAITING || next == PAUSED || next == ENDED;
      case PAUSED -> next == RUNNING || next == SHELVED || next == ENDED;
      case SHELVED -> next == WAITING || next == ENDED;
      case ENDED -> false;
    };
  }

  boolean holdsBlocks() {
    return this == RUNNING || this == PAUSED;
  }
}
