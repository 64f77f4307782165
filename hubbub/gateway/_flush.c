/* What runs once per delivery or message, and the sending of what need not wait.

   loops.py has the same in Python, and says what everything is. The system calls are made with the interpreter's lock held, as uvloop makes them: a socket that would
   block says so at once, and letting go of the lock would cost more than the call. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>
#include <sys/socket.h>

/* What is read for each delivery lies together, in one line of the cache. */
typedef struct {
    PyObject_HEAD
    PyObject *queue;
    PyObject *stream;
    int direct;
} Target;

typedef struct {
    PyObject *target_type; /* class Target */
} State;

static int
target_traverse(PyObject *self, visitproc visit, void *arg)
{
    Target *target = (Target *)self;
    Py_VISIT(target->queue);
    Py_VISIT(target->stream);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int
target_clear(PyObject *self)
{
    Target *target = (Target *)self;
    Py_CLEAR(target->queue);
    Py_CLEAR(target->stream);
    return 0;
}

static void
target_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    target_clear(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *
target_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Target *target = (Target *)allocate(type, 0);
    if (target != NULL)
        target->direct = -1;
    return (PyObject *)target;
}

static PyMemberDef target_members[] = {
    {"queue", T_OBJECT, offsetof(Target, queue), 0, NULL},
    {"stream", T_OBJECT, offsetof(Target, stream), 0, NULL},
    {"direct", T_INT, offsetof(Target, direct), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot target_slots[] = {
    {Py_tp_doc, "The part of a receiver that a delivery touches."},
    {Py_tp_new, target_new},
    {Py_tp_dealloc, target_dealloc},
    {Py_tp_traverse, target_traverse},
    {Py_tp_clear, target_clear},
    {Py_tp_members, target_members},
    {0, NULL},
};

static PyType_Spec target_spec = {
    .name = "hubbub.gateway._flush.Target",
    .basicsize = sizeof(Target),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = target_slots,
};

/* Checks that `object` is a Target. The last type that was one is kept in `known`, and referred to,
   so that sessions, which are of a subclass, are not looked up one by one. */
static int
check_target(PyObject *target_type, PyObject **known, PyObject *object)
{
    PyObject *type = (PyObject *)Py_TYPE(object);
    if (type == *known)
        return 0;
    if (!PyObject_TypeCheck(object, (PyTypeObject *)target_type)) {
        PyErr_SetString(PyExc_TypeError, "a receiver must be a Target");
        return -1;
    }
    PyObject *before = *known;
    Py_INCREF(type);
    *known = type;
    Py_XDECREF(before);
    return 0;
}

static int
wrong_count(const char *name, Py_ssize_t wanted, Py_ssize_t given)
{
    if (given == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", name, wanted, given);
    return 1;
}

/* touch(batch, members, dirty, enqueue) */
static PyObject *
touch(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (wrong_count("touch", 4, count))
        return NULL;
    PyObject *batch = args[0], *dirty = args[2], *enqueue = args[3];
    if (!PyList_Check(dirty)) {
        PyErr_SetString(PyExc_TypeError, "dirty must be a list");
        return NULL;
    }
    PyObject *target_type = ((State *)PyModule_GetState(module))->target_type;
    PyObject *known = NULL;
    PyObject *members = PyObject_GetIter(args[1]);
    if (members == NULL)
        return NULL;
    PyObject *member;
    int failed = 0;
    while (!failed && (member = PyIter_Next(members)) != NULL) {
        Target *target = (Target *)member;
        if (check_target(target_type, &known, member) < 0) {
            failed = 1;
        } else if (target->queue == NULL || target->queue == Py_None) {
            Py_XDECREF(target->queue); /* None at most, so nothing can run */
            Py_INCREF(batch);
            target->queue = batch;
            failed = PyList_Append(dirty, member) < 0;
        } else {
            PyObject *done = PyObject_CallFunctionObjArgs(enqueue, dirty, member, batch, NULL);
            failed = done == NULL;
            Py_XDECREF(done);
        }
        Py_DECREF(member);
    }
    Py_DECREF(members);
    Py_XDECREF(known);
    if (failed || PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* Sends what the socket takes at once: a number of bytes, 0 if it takes nothing or is broken. */
static Py_ssize_t
send_now(int socket, const char *data, Py_ssize_t size)
{
    ssize_t sent;
    do
        sent = send(socket, data, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? 0 : sent;
}

/* Has the Python side write what `sent` bytes of `data` leave. */
static int
pass_on(PyObject *write, PyObject *receiver, PyObject *data, Py_ssize_t sent, Py_ssize_t size)
{
    PyObject *rest;
    if (sent > 0) {
        /* A view, because the others share these bytes. */
        PyObject *view = PyMemoryView_FromObject(data);
        rest = view == NULL ? NULL : PySequence_GetSlice(view, sent, size);
        Py_XDECREF(view);
    } else {
        rest = data;
        Py_INCREF(rest);
    }
    if (rest == NULL)
        return -1;
    PyObject *done = PyObject_CallFunctionObjArgs(write, receiver, rest, NULL);
    Py_DECREF(rest);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* flush(dirty, join, write) */
static PyObject *
flush(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (wrong_count("flush", 3, count))
        return NULL;
    PyObject *dirty = args[0], *join = args[1], *write = args[2];
    if (!PyList_Check(dirty)) {
        PyErr_SetString(PyExc_TypeError, "dirty must be a list");
        return NULL;
    }
    PyObject *target_type = ((State *)PyModule_GetState(module))->target_type;
    PyObject *known = NULL;
    PyObject *queue = NULL; /* of the last receiver, and its bytes: the next may have the same */
    PyObject *data = NULL;
    long long total = 0;
    int failed = 0;
    for (Py_ssize_t at = 0; !failed && at < PyList_Size(dirty); at++) {
        PyObject *receiver = PyList_GetItem(dirty, at);
        if (check_target(target_type, &known, receiver) < 0) {
            failed = 1;
            break;
        }
        Target *target = (Target *)receiver;
        PyObject *next = target->queue; /* and the target's reference with it */
        target->queue = NULL;
        if (next == NULL || next == Py_None) {
            Py_XDECREF(next);
            continue;
        }
        Py_INCREF(receiver);
        if (next == queue) {
            Py_DECREF(next);
        } else {
            Py_XDECREF(queue);
            Py_XDECREF(data);
            queue = next;
            data = PyObject_CallFunctionObjArgs(join, queue, NULL);
        }
        char *bytes;
        Py_ssize_t size;
        if (data == NULL || PyBytes_AsStringAndSize(data, &bytes, &size) < 0) {
            failed = 1;
        } else {
            total += size;
            Py_ssize_t sent = 0;
            if (target->direct >= 0 && target->stream != NULL && target->stream != Py_None)
                sent = send_now(target->direct, bytes, size);
            if (sent < size)
                failed = pass_on(write, receiver, data, sent, size) < 0;
        }
        Py_DECREF(receiver);
    }
    Py_XDECREF(queue);
    Py_XDECREF(data);
    Py_XDECREF(known);
    return failed ? NULL : PyLong_FromLongLong(total);
}

/* read_data_frame(data, at, limit) */
static PyObject *
read_data_frame(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (wrong_count("read_data_frame", 3, count))
        return NULL;
    Py_ssize_t at = PyLong_AsSsize_t(args[1]), limit = PyLong_AsSsize_t(args[2]);
    Py_buffer data;
    if (PyErr_Occurred() || PyObject_GetBuffer(args[0], &data, PyBUF_SIMPLE) < 0)
        return NULL;
    Py_ssize_t available = at < 0 || at > data.len ? 0 : data.len - at;
    const unsigned char *from = available ? (const unsigned char *)data.buf + at : NULL;
    Py_ssize_t head = 2, size = 0;
    PyObject *payload = NULL, *frame = NULL;
    if (available < 6 || (from[0] != 0x81 && from[0] != 0x82) || !(from[1] & 0x80))
        goto not_here;
    size = from[1] & 0x7f;
    if (size == 127)
        goto not_here;
    if (size == 126) {
        head = 4;
        size = from[2] << 8 | from[3];
    }
    head += 4;
    if (size > limit || available - head < size)
        goto not_here;
    payload = PyBytes_FromStringAndSize(NULL, size);
    if (payload != NULL) {
        unsigned char *to = (unsigned char *)PyBytes_AsString(payload);
        uint64_t key, eight;
        memcpy(&key, from + head - 4, 4);
        memcpy((unsigned char *)&key + 4, from + head - 4, 4);
        const unsigned char *masked = from + head;
        Py_ssize_t done = 0;
        for (; done + 8 <= size; done += 8) {
            memcpy(&eight, masked + done, 8);
            eight ^= key;
            memcpy(to + done, &eight, 8);
        }
        for (; done < size; done++)
            to[done] = masked[done] ^ ((unsigned char *)&key)[done % 4];
        frame = Py_BuildValue("(iNn)", (int)from[0], payload, at + head + size);
    }
    PyBuffer_Release(&data);
    return frame;
not_here:
    PyBuffer_Release(&data);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"touch", (PyCFunction)(void (*)(void))touch, METH_FASTCALL, NULL},
    {"read_data_frame", (PyCFunction)(void (*)(void))read_data_frame, METH_FASTCALL, NULL},
    {"flush", (PyCFunction)(void (*)(void))flush, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    State *state = PyModule_GetState(module);
    PyObject *type = PyType_FromModuleAndSpec(module, &target_spec, NULL);
    if (type == NULL)
        return -1;
    state->target_type = type;
    return PyModule_AddType(module, (PyTypeObject *)type);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->target_type);
    return 0;
}

static int
module_clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->target_type);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hubbub.gateway._flush",
    .m_doc = "Outbox's loops.",
    .m_size = sizeof(State),
    .m_methods = functions,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
};

PyMODINIT_FUNC
PyInit__flush(void)
{
    return PyModuleDef_Init(&module_definition);
}
