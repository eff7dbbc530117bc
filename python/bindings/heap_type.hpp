/// What the heap types made on the C API share.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>

namespace selfscale::python {

template <class Object>
Object* as(PyObject* object) noexcept {
  return reinterpret_cast<Object*>(object);
}

template <class Object>
PyObject* object_of(Object* made) noexcept {
  return reinterpret_cast<PyObject*>(made);
}

template <class Function>
void* slot(Function* pointer) noexcept {
  return reinterpret_cast<void*>(pointer);
}

/// A function of METH_FASTCALL, as tables of methods take it.
template <class Function>
PyCFunction fast_method(Function* pointer) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(pointer));
}

/// Of types whose objects the module alone makes.
inline constexpr unsigned int internal_type_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                                    Py_TPFLAGS_DISALLOW_INSTANTIATION |
                                                    Py_TPFLAGS_IMMUTABLETYPE;

/// Keeps the exception that is being raised, if any, out of the way of what runs meanwhile, and
/// drops what that raises.
class Undisturbed {
 public:
  Undisturbed() noexcept { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~Undisturbed() { PyErr_Restore(type_, value_, traceback_); }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

  /// The type of the exception that was being raised; null when there was none.
  [[nodiscard]] PyObject* type() const noexcept { return type_; }

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

/// Objects of one type that have ended and are used again: a request then allocates nothing. They
/// hold no references. All members: with the interpreter lock; without one it keeps none.
template <class Object>
class FreeList {
 public:
  FreeList() = default;
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;
  ~FreeList() {
    while (count_ > 0) PyObject_GC_Del(kept_[--count_]);
  }

  /// An object that the collector does not know yet, its own fields unset; null with an exception
  /// set when there is no memory.
  Object* take(PyTypeObject* type) noexcept {
    if (count_ == 0) return PyObject_GC_New(Object, type);
    return as<Object>(PyObject_Init(object_of(kept_[--count_]), type));
  }

  /// An object that the collector knows no longer.
  void give(Object* object) noexcept {
    if (count_ == most) return PyObject_GC_Del(object);
    kept_[count_++] = object;
  }

 private:
#ifdef Py_GIL_DISABLED
  static constexpr std::size_t most = 0;
#else
  static constexpr std::size_t most = 32;
#endif
  std::array<Object*, 32> kept_{};
  std::size_t count_ = 0;
};

}  // namespace selfscale::python
