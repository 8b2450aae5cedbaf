// Scalar operations in float64.
#include "loops_float.h"

namespace fathom {

template <> StepFn<f64> step_function<f64>(i32 op) { return float_step<f64>(op); }

}  // namespace fathom
