package dev.serval.models.chat;

import java.time.Clock;
import java.time.ZonedDateTime;

/**
 * The state of rendering one conversation, and its bound: every step of a template is an effort,
 * and the sum of efforts is limited, so that no template runs on or fills the memory.
 */
final class Rendering {
  /** What a scope takes, where looking up a variable takes 1. */
  static final int SCOPE = 50;

  /** About a second's worth. */
  private static final long MAX_EFFORT = 10_000_000;

  private static final int MAX_CALLS = 64;

  /** How a loop's body is left before its end. */
  enum Exit {
    NONE,
    BREAK,
    CONTINUE
  }

  private final Program program;
  private final Clock clock;
  private long effort;
  private int calls;
  private Exit exit = Exit.NONE;

  Rendering(Program program, Clock clock) {
    this.program = program;
    this.clock = clock;
  }

  Program program() {
    return program;
  }

  void spend(long more) {
    effort += more;
    if (effort > MAX_EFFORT) {
      throw TemplateFailure.of("it takes more than " + MAX_EFFORT + " steps");
    }
  }

  void enterCall() {
    if (++calls > MAX_CALLS) {
      throw TemplateFailure.of("its macros call each other more than " + MAX_CALLS + " deep");
    }
  }

  void leaveCall() {
    calls--;
  }

  void exit(Exit how) {
    exit = how;
  }

  boolean leaving() {
    return exit != Exit.NONE;
  }

  /** How the round that just ended was left; the next one begins anew. */
  Exit ended() {
    Exit how = exit;
    exit = Exit.NONE;
    return how;
  }

  ZonedDateTime now() {
    return ZonedDateTime.now(clock);
  }
}
