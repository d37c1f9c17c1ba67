package dev.serval.api.batching;

/** A caller's handle on a sequence in an engine. Usable from any thread; nothing here waits. */
public interface EngineSequence {
  /**
   * Ends the sequence before the engine's next step; its blocks are free from then on and its sink
   * hears the end. Does nothing to a sequence that has ended.
   */
  void cancel();

  /** Goes on after its sink asked for a {@linkplain TokenSink.Verdict#PAUSE pause}. */
  void resume();
}
