package dev.serval.models.cpu.vector;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The vectors of this machine, all of as many lanes as it has for F32. */
final class Lanes {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final int COUNT = FLOATS.length();
  static final int BITS = FLOATS.vectorBitSize();

  /** Whether there are 32 registers, as for vectors of 512 bits, and not 16. */
  static final boolean MANY_REGISTERS = BITS >= 512;

  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(COUNT * Byte.SIZE));

  static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(COUNT * Short.SIZE));

  /** A panel's shorts, as many as a vector has. */
  static final VectorSpecies<Short> WIDE_SHORTS = ShortVector.SPECIES_PREFERRED;

  /** A panel's bytes, half a vector. */
  static final VectorSpecies<Byte> HALF_BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(BITS / 2));

  /*
   * What comes out of a loop or a conversion is a vector of any length to the compiler, until it is
   * cast to the class that it has. Without that it goes by what it has seen of the API's methods,
   * which everything in the process shares: once vectors of two lengths were there, it keeps a sum as
   * an object while the loop runs, and the kernel is several times slower, in one process and not in
   * the next. A conversion names the species that it makes for the same reason (convertShape, never
   * convert, which looks for it while the kernel runs).
   */
  /** The class of vectors of {@link #FLOATS}. */
  static final Class<? extends FloatVector> FLOAT_VECTOR = FloatVector.zero(FLOATS).getClass();

  /** The class of vectors of {@link #INTS}. */
  static final Class<? extends IntVector> INT_VECTOR = IntVector.zero(INTS).getClass();

  /** The class of vectors of {@link #SHORTS}. */
  static final Class<? extends ShortVector> SHORT_VECTOR = ShortVector.zero(SHORTS).getClass();

  /** The class of vectors of {@link #WIDE_SHORTS}. */
  static final Class<? extends ShortVector> WIDE_SHORT_VECTOR =
      ShortVector.zero(WIDE_SHORTS).getClass();

  /** Vectors that a panel is wide. */
  static final int VECTORS = 2;

  /** Rows of a matrix in a panel. */
  static final int WIDTH = VECTORS * COUNT;

  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private Lanes() {}
}
