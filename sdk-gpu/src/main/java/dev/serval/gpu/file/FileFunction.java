package dev.serval.gpu.file;

import static dev.serval.gpu.driver.Parameter.INT;
import static dev.serval.gpu.driver.Parameter.LONG;
import static dev.serval.gpu.driver.Parameter.POINTER;

import dev.serval.gpu.driver.NativeFunction;
import dev.serval.gpu.driver.Parameter;

/**
 * cuFile's functions that are called here, reads aside. What they give is a {@code CUfileError_t},
 * two numbers of 32 bits in one register, of which the first says whether it worked.
 */
enum FileFunction implements NativeFunction {
  OPEN("cuFileDriverOpen"),
  CLOSE("cuFileDriverClose_v2"),
  PROPERTIES("cuFileDriverGetProperties", POINTER),
  FILE_REGISTER("cuFileHandleRegister", POINTER, POINTER),
  /** Gives nothing. */
  FILE_FORGET("cuFileHandleDeregister", POINTER),
  MEMORY_REGISTER("cuFileBufRegister", POINTER, LONG, INT),
  MEMORY_FORGET("cuFileBufDeregister", POINTER);

  private final Signature signature;

  FileFunction(String symbol, Parameter... parameters) {
    signature = Signature.of(symbol, parameters);
  }

  @Override
  public Signature signature() {
    return signature;
  }
}
