package dev.serval.models.decoder.traits;

/** What a layer that carries a state along is. */
public sealed interface StateTraits
    permits DeltaNetTraits, ShortConvolutionTraits, StateSpaceTraits {
  /** How much its state takes. */
  long stateBytes();

  /** How many columns what it begins with has. */
  int inputColumns();

  /** How many columns it needs in between; one, where it needs none. */
  int betweenColumns();

  /** What the map that it ends with is called within a layer, without {@code .weight}. */
  String output();

  /** How many inputs that map has. */
  int outputColumns();
}
