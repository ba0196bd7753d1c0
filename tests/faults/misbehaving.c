/*
 * A PKCS#11 module that passes every call on to a real module and, on order, misbehaves.
 *
 * MISBEHAVING_MODULE is the real module's path, MISBEHAVING_DIR a folder with
 *
 *   orders  what to do, read anew at each call, so that a test may replace it meanwhile;
 *   calls   what happened, one line at each entry and one at each return:
 *               PID > FUNCTION [DETAIL]
 *               PID < FUNCTION RESULT real=RESULT     ("real=-": the real one was not called)
 *   count-N how often the function of order N was called since the order was given, one byte
 *           a call. A file, because what misbehaves once shall not do it again in the next
 *           process.
 *
 * A line of `orders` is either an order for a function,
 *
 *   FUNCTION N SKIP TIMES ACTION [VALUE]
 *
 * which lets SKIP calls pass and then spoils TIMES calls (-1: all), or the shape of the
 * tokens. FUNCTION is one of those wrapped below, or `load` for the loading of this library.
 * ACTION is one of
 *
 *   hang          never return
 *   crash         die of a segmentation fault
 *   exit          end the process with status 3
 *   fork          start a process that stays, then call the real function
 *   return VALUE  return this without calling the real function
 *   after VALUE   call the real function, then return this
 *   delay VALUE   wait so many milliseconds, then call the real function
 *   size0         tell size 0 when asked for a size with a NULL pointer; else call the real one
 *
 * The shapes are
 *
 *   flags set BITS clear BITS    flags of every token, last of all
 *   pin-length MIN MAX           bounds of the PIN's length, sensible or not
 *   describe TEXT                description of every slot
 *   serial TEXT                  serial number of every token
 *   pin-pad PIN                  tokens whose PIN is typed on the reader: somebody types this
 *   hide-certificates            no certificate is found before login
 *   hide-keys                    no private key is ever found
 *   no-rw                        sessions are read-only
 *   list-before-login hang       looking for objects before login never ends
 *
 * A line that makes no sense, or a real module that cannot be loaded, ends the process with
 * status 78. No PIN is ever written anywhere. For one thread, like the process it is for.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

/* The real module, and its function list with some functions replaced. */
static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST functions;

/* ---- The folder ---------------------------------------------------------------------- */

static int open_in_folder(const char *name, int flags)
{
    char path[4096];
    const char *folder = getenv("MISBEHAVING_DIR");

    if (folder == NULL || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        _exit(EX_CONFIG);
    return open(path, flags | O_CLOEXEC, 0600);
}

/* Adds to the end of a file with one write, and returns the size it has then. */
static off_t append(const char *name, const char *text, size_t length)
{
    int file = open_in_folder(name, O_WRONLY | O_APPEND | O_CREAT);

    if (file < 0 || write(file, text, length) != (ssize_t)length)
        _exit(EX_CANTCREAT);
    off_t size = lseek(file, 0, SEEK_CUR);
    close(file);
    return size;
}

static void log_line(const char *line)
{
    char text[256];
    int length = snprintf(text, sizeof text, "%d %s\n", (int)getpid(), line);

    append("calls", text, (size_t)length);
}

/* The text of `orders` as it was when the present call began. */
static char orders[4096];

static void read_orders(void)
{
    int file = open_in_folder("orders", O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, orders, sizeof orders - 1);

    if (length < 0 || length == (ssize_t)sizeof orders - 1)
        _exit(EX_CONFIG);
    orders[length] = '\0';
    if (file >= 0)
        close(file);
}

/* Tells whether a line begins with this word; copies what follows it, unless rest is NULL. */
static bool ordered(const char *word, char *rest, size_t size)
{
    size_t length = strlen(word);

    for (const char *line = orders; *line != '\0';) {
        size_t end = strcspn(line, "\n");

        if (end >= length && strncmp(line, word, length) == 0 &&
            (end == length || line[length] == ' ')) {
            const char *from = line + length + (end > length);
            int count = (int)(line + end - from);

            if (rest != NULL && snprintf(rest, size, "%.*s", count, from) >= (int)size)
                _exit(EX_CONFIG);
            return true;
        }
        line += end + (line[end] == '\n');
    }
    return false;
}

static bool is_shaped(const char *word)
{
    return ordered(word, NULL, 0);
}

/* ---- One call ------------------------------------------------------------------------ */

struct call {
    const char *function;
    enum { NOTHING, RETURN, AFTER, SIZE0 } action;
    CK_RV value;    /* for RETURN and AFTER */
    bool reached;   /* whether the real function was called */
    CK_RV result;   /* what the real function returned */
};

/* Calls the real function, and keeps in mind that it was called. */
#define REACH(call, function, ...) \
    ((call)->reached = true, (call)->result = real->function(__VA_ARGS__))

static void hang(void)
{
    for (;;)
        pause();
}

static void crash(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 1;
}

static void leave_a_child(void)
{
    if (fork() == 0)
        hang();
}

static void delay(unsigned long milliseconds)
{
    struct timespec left = {
        .tv_sec = (time_t)(milliseconds / 1000),
        .tv_nsec = (long)(milliseconds % 1000) * 1000000L,
    };

    while (nanosleep(&left, &left) != 0)
        continue;
}

/* Finds the order for this call, and carries it out so far as it comes before the call. */
static void obey(struct call *call)
{
    char order[128], count[32], action[16];
    long number, skip, times, value = 0;

    if (!ordered(call->function, order, sizeof order))
        return;
    int read = sscanf(order, "%ld %ld %ld %15s %li", &number, &skip, &times, action, &value);
    if (read < 4)
        _exit(EX_CONFIG);
    snprintf(count, sizeof count, "count-%ld", number);
    off_t calls = append(count, ".", 1);
    if (calls <= skip || (times >= 0 && calls > skip + times))
        return;
    call->value = (CK_RV)value;
    if (strcmp(action, "hang") == 0)
        hang();
    else if (strcmp(action, "crash") == 0)
        crash();
    else if (strcmp(action, "exit") == 0)
        _exit(3);
    else if (strcmp(action, "fork") == 0)
        leave_a_child();
    else if (strcmp(action, "return") == 0 && read == 5)
        call->action = RETURN;
    else if (strcmp(action, "after") == 0 && read == 5)
        call->action = AFTER;
    else if (strcmp(action, "delay") == 0 && read == 5)
        delay(call->value);
    else if (strcmp(action, "size0") == 0)
        call->action = SIZE0;
    else
        _exit(EX_CONFIG);
}

static struct call enter(const char *function, const char *detail)
{
    struct call call = {.function = function};
    char line[128];

    snprintf(line, sizeof line, "> %s%s%s", function, *detail == '\0' ? "" : " ", detail);
    log_line(line);
    read_orders();
    obey(&call);
    return call;
}

static CK_RV leave(const struct call *call, CK_RV result)
{
    char line[128], reached[32] = "-";

    if (call->action == RETURN || call->action == AFTER)
        result = call->value;
    if (call->reached)
        snprintf(reached, sizeof reached, "0x%lX", call->result);
    snprintf(line, sizeof line, "< %s 0x%lX real=%s", call->function, result, reached);
    log_line(line);
    return result;
}

/* ---- What some functions do otherwise than the real module --------------------------- */

/* Fills a text field of PKCS#11: padded with blanks, without an end. */
static void fill(CK_UTF8CHAR *field, size_t size, const char *text)
{
    size_t length = strlen(text);

    memset(field, ' ', size);
    memcpy(field, text, length < size ? length : size);
}

/* Tells whether this asks for a size and shall be told 0; if so, tells it. */
static bool tells_no_size(const struct call *call, const void *buffer, CK_ULONG_PTR size)
{
    if (call->action != SIZE0 || buffer != NULL || size == NULL)
        return false;
    *size = 0;
    return true;
}

static CK_RV get_attribute_value(struct call *call, CK_SESSION_HANDLE session,
                                 CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template,
                                 CK_ULONG count)
{
    CK_ULONG asked = 0;
    CK_RV result = CKR_OK;

    for (CK_ULONG i = 0; i < count; i++)
        asked += template[i].pValue == NULL;
    if (call->action != SIZE0 || asked < count)
        result = REACH(call, C_GetAttributeValue, session, object, template, count);
    if (call->action == SIZE0) {
        for (CK_ULONG i = 0; i < count; i++) {
            if (template[i].pValue == NULL)
                template[i].ulValueLen = 0;
        }
    }
    return result;
}

static CK_RV get_slot_info(struct call *call, CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
    char text[256];
    CK_RV result = REACH(call, C_GetSlotInfo, slot, info);

    if (result == CKR_OK && ordered("describe", text, sizeof text))
        fill(info->slotDescription, sizeof info->slotDescription, text);
    return result;
}

static CK_RV get_token_info(struct call *call, CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
    char text[256];
    long shortest, longest;
    CK_FLAGS set, clear;
    CK_RV result = REACH(call, C_GetTokenInfo, slot, info);

    if (result != CKR_OK)
        return result;
    if (ordered("serial", text, sizeof text))
        fill(info->serialNumber, sizeof info->serialNumber, text);
    if (ordered("pin-length", text, sizeof text)) {
        if (sscanf(text, "%li %li", &shortest, &longest) != 2)
            _exit(EX_CONFIG);
        info->ulMinPinLen = (CK_ULONG)shortest;
        info->ulMaxPinLen = (CK_ULONG)longest;
    }
    if (is_shaped("pin-pad"))
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (ordered("flags", text, sizeof text)) {
        if (sscanf(text, "set %lx clear %lx", &set, &clear) != 2)
            _exit(EX_CONFIG);
        info->flags = (info->flags | set) & ~clear;
    }
    return result;
}

static CK_RV open_session(struct call *call, CK_SLOT_ID slot, CK_FLAGS flags,
                          CK_VOID_PTR application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE_PTR session)
{
    if ((flags & CKF_RW_SESSION) != 0 && is_shaped("no-rw"))
        return CKR_TOKEN_WRITE_PROTECTED;
    return REACH(call, C_OpenSession, slot, flags, application, notify, session);
}

static CK_RV login(struct call *call, CK_SESSION_HANDLE session, CK_USER_TYPE user,
                   CK_UTF8CHAR_PTR pin, CK_ULONG length)
{
    char typed[256];

    if (pin == NULL && ordered("pin-pad", typed, sizeof typed)) {
        pin = (CK_UTF8CHAR_PTR)typed;
        length = strlen(typed);
    }
    return REACH(call, C_Login, session, user, pin, length);
}

static bool is_logged_in(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    return real->C_GetSessionInfo(session, &info) == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

static CK_RV find_objects_init(struct call *call, CK_SESSION_HANDLE session,
                               CK_ATTRIBUTE_PTR template, CK_ULONG count)
{
    if (is_shaped("list-before-login") && !is_logged_in(session))
        hang();
    return REACH(call, C_FindObjectsInit, session, template, count);
}

/* Finds objects, but none that is hidden: it goes on until it has one or there is no more. */
static CK_RV find_objects(struct call *call, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE_PTR objects, CK_ULONG room, CK_ULONG_PTR count)
{
    bool no_certificates = is_shaped("hide-certificates") && !is_logged_in(session);
    bool no_keys = is_shaped("hide-keys");
    CK_ULONG kept = 0;
    CK_RV result;

    do {
        result = REACH(call, C_FindObjects, session, objects, room, count);
        if (result != CKR_OK || !(no_certificates || no_keys))
            return result;
        for (CK_ULONG i = 0; i < *count; i++) {
            CK_OBJECT_CLASS class = CKO_DATA;
            CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};

            real->C_GetAttributeValue(session, objects[i], &wanted, 1);
            if (!(no_certificates && class == CKO_CERTIFICATE) &&
                !(no_keys && class == CKO_PRIVATE_KEY))
                objects[kept++] = objects[i];
        }
    } while (kept == 0 && *count > 0);
    *count = kept;
    return result;
}

static const char *name_of_user(CK_USER_TYPE user)
{
    static const char *const names[] = {"SO", "USER", "CONTEXT_SPECIFIC"};

    return user < sizeof names / sizeof *names ? names[user] : "UNKNOWN";
}

/* ---- The functions that can misbehave ------------------------------------------------ */

static CK_RV load_real(CK_FUNCTION_LIST_PTR_PTR list);

/* Each is: its name, its parameters, what the log tells of them, its effect. */
#define WRAP(name, parameters, detail, effect)                   \
    static CK_RV wrapped_##name parameters                       \
    {                                                            \
        struct call entered = enter(#name, detail);              \
        struct call *call = &entered;                            \
        return leave(call, call->action == RETURN ? 0 : effect); \
    }

WRAP(C_GetFunctionList, (CK_FUNCTION_LIST_PTR_PTR list), "", load_real(list))
WRAP(C_Initialize, (CK_VOID_PTR arguments), "", REACH(call, C_Initialize, arguments))
WRAP(C_Finalize, (CK_VOID_PTR reserved), "", REACH(call, C_Finalize, reserved))
WRAP(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count), "",
     tells_no_size(call, slots, count) ? CKR_OK : REACH(call, C_GetSlotList, present, slots, count))
WRAP(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO_PTR info), "", get_slot_info(call, slot, info))
WRAP(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info), "",
     get_token_info(call, slot, info))
WRAP(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count), "",
     tells_no_size(call, list, count) ? CKR_OK : REACH(call, C_GetMechanismList, slot, list, count))
WRAP(C_OpenSession,
     (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
      CK_SESSION_HANDLE_PTR session),
     (flags & CKF_RW_SESSION) != 0 ? "RW" : "RO",
     open_session(call, slot, flags, application, notify, session))
WRAP(C_CloseSession, (CK_SESSION_HANDLE session), "", REACH(call, C_CloseSession, session))
WRAP(C_CloseAllSessions, (CK_SLOT_ID slot), "", REACH(call, C_CloseAllSessions, slot))
WRAP(C_GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info), "",
     REACH(call, C_GetSessionInfo, session, info))
WRAP(C_Login,
     (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length),
     name_of_user(user), login(call, session, user, pin, length))
WRAP(C_Logout, (CK_SESSION_HANDLE session), "", REACH(call, C_Logout, session))
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count), "",
     find_objects_init(call, session, template, count))
WRAP(C_FindObjects,
     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG room, CK_ULONG_PTR count),
     "", find_objects(call, session, objects, room, count))
WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE session), "", REACH(call, C_FindObjectsFinal, session))
WRAP(C_GetAttributeValue,
     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template,
      CK_ULONG count),
     "", get_attribute_value(call, session, object, template, count))
WRAP(C_SignInit, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key), "",
     REACH(call, C_SignInit, session, mechanism, key))
WRAP(C_Sign,
     (CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
      CK_ULONG_PTR size),
     signature == NULL ? "SIZE" : "",
     tells_no_size(call, signature, size)
         ? CKR_OK
         : REACH(call, C_Sign, session, data, length, signature, size))

/* ---- Loading ------------------------------------------------------------------------- */

#define WRAPPED(X)                                                                         \
    X(C_GetFunctionList) X(C_Initialize) X(C_Finalize) X(C_GetSlotList) X(C_GetSlotInfo)   \
    X(C_GetTokenInfo) X(C_GetMechanismList) X(C_OpenSession) X(C_CloseSession)             \
    X(C_CloseAllSessions) X(C_GetSessionInfo) X(C_Login) X(C_Logout) X(C_FindObjectsInit)  \
    X(C_FindObjects) X(C_FindObjectsFinal) X(C_GetAttributeValue) X(C_SignInit) X(C_Sign)

#define REPLACE(name) functions.name = wrapped_##name;

/* Loads the real module once, and gives its function list with our functions in it. */
static CK_RV load_real(CK_FUNCTION_LIST_PTR_PTR list)
{
    if (real == NULL) {
        const char *path = getenv("MISBEHAVING_MODULE");
        void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get = NULL;

        if (library != NULL)
            *(void **)&get = dlsym(library, "C_GetFunctionList");
        if (get == NULL || get(&real) != CKR_OK)
            _exit(EX_CONFIG);
        functions = *real;
        WRAPPED(REPLACE)
    }
    *list = &functions;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    return wrapped_C_GetFunctionList(list);
}

__attribute__((constructor)) static void load(void)
{
    struct call call = enter("load", "");

    leave(&call, CKR_OK);
}
