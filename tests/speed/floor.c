/* The least that a visit asks of a PKCS#11 module: what the kiosk is measured against.
 *
 *     floor MODULE READER
 *
 * It does what it reads from stdin, one word a line, and answers each with a line
 * "WORD SECONDS": how long it took. SECONDS of "event" is when the event came, on
 * CLOCK_MONOTONIC.
 *
 *     load     load and initialise the module
 *     event    wait until PC/SC says that a card is in the reader
 *     read     find the slot, look at its token, read the certificates, open a session
 *     login    C_Login, with the PIN that is the next line
 *     sign     find the private key of the first certificate, C_SignInit, C_Sign
 *     logout   C_Logout
 *
 * Whatever fails is told on stderr, and ends it.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <p11-kit/pkcs11.h>
#include <winscard.h>

enum { SLOTS = 16, OBJECTS = 64, VALUE = 16384, TRIES_OF_AN_EVENT = 60 };

static CK_FUNCTION_LIST *module;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;
static CK_BYTE key_id[64];
static CK_ULONG key_id_length;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(const char *function, unsigned long result)
{
	if (result == 0)
		return;
	fprintf(stderr, "%s: 0x%lX\n", function, result);
	exit(EX_SOFTWARE);
}

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	CK_C_GetFunctionList get = NULL;

	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get) {
		fprintf(stderr, "%s: %s\n", path, dlerror());
		exit(EX_NOINPUT);
	}
	check("C_GetFunctionList", get(&module));
	check("C_Initialize", module->C_Initialize(NULL));
}

static void event(const char *reader)
{
	static SCARDCONTEXT context;
	SCARD_READERSTATE state = {.szReader = reader};
	LONG result;

	if (!context)
		check("SCardEstablishContext",
		      (unsigned long)SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context));
	for (int count = 0; count < TRIES_OF_AN_EVENT; count++) {
		result = SCardGetStatusChange(context, 1000, &state, 1);
		if (result == SCARD_S_SUCCESS && state.dwEventState & SCARD_STATE_PRESENT)
			return;
		if (result != SCARD_E_TIMEOUT)
			check("SCardGetStatusChange", (unsigned long)result);
		state.dwCurrentState = state.dwEventState;
	}
	check("SCardGetStatusChange", (unsigned long)SCARD_E_TIMEOUT);
}

static CK_ULONG find(CK_OBJECT_HANDLE *handles, CK_ATTRIBUTE *template, CK_ULONG count)
{
	CK_ULONG found = 0;

	check("C_FindObjectsInit", module->C_FindObjectsInit(session, template, count));
	check("C_FindObjects", module->C_FindObjects(session, handles, OBJECTS, &found));
	check("C_FindObjectsFinal", module->C_FindObjectsFinal(session));
	return found;
}

static void read_token(void)
{
	static CK_BYTE value[VALUE];
	CK_SLOT_ID slots[SLOTS];
	CK_ULONG count = 0, size = SLOTS;
	CK_TOKEN_INFO info;
	CK_OBJECT_CLASS kind = CKO_CERTIFICATE;
	CK_ATTRIBUTE wanted = {CKA_CLASS, &kind, sizeof(kind)};
	CK_OBJECT_HANDLE handles[OBJECTS];

	/* With NULL, the module looks for what has been put in. */
	check("C_GetSlotList", module->C_GetSlotList(CK_FALSE, NULL, &count));
	check("C_GetSlotList", module->C_GetSlotList(CK_TRUE, slots, &size));
	check("slots with a token", size == 0);
	slot = slots[0];
	check("C_GetTokenInfo", module->C_GetTokenInfo(slot, &info));
	check("C_OpenSession",
	      module->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
	count = find(handles, &wanted, 1);
	check("certificates", count == 0);
	for (CK_ULONG index = 0; index < count; index++) {
		CK_BYTE id[sizeof(key_id)];
		CK_ATTRIBUTE read[] = {{CKA_ID, id, sizeof(id)}, {CKA_VALUE, value, VALUE}};

		check("C_GetAttributeValue",
		      module->C_GetAttributeValue(session, handles[index], read, 2));
		if (index == 0) {
			key_id_length = read[0].ulValueLen;
			memcpy(key_id, id, key_id_length);
		}
	}
}

static void sign(void)
{
	static CK_BYTE message[1024], signature[1024];
	CK_ULONG length = sizeof(signature);
	CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof(kind)}, {CKA_ID, key_id, key_id_length}};
	CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_OBJECT_HANDLE handles[OBJECTS];

	check("private keys", find(handles, wanted, 2) == 0);
	check("C_SignInit", module->C_SignInit(session, &mechanism, handles[0]));
	check("C_Sign",
	      module->C_Sign(session, message, sizeof(message), signature, &length));
}

int main(int count, char **arguments)
{
	char word[32], pin[64];

	if (count != 3)
		return EX_USAGE;
	while (fgets(word, sizeof(word), stdin)) {
		double begin, end;

		word[strcspn(word, "\n")] = 0;
		if (!strcmp(word, "login")) {
			if (!fgets(pin, sizeof(pin), stdin))
				return EX_DATAERR;
			pin[strcspn(pin, "\n")] = 0;
		}
		begin = now();
		if (!strcmp(word, "load"))
			load(arguments[1]);
		else if (!strcmp(word, "event"))
			event(arguments[2]);
		else if (!strcmp(word, "read"))
			read_token();
		else if (!strcmp(word, "login"))
			check("C_Login", module->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)));
		else if (!strcmp(word, "sign"))
			sign();
		else if (!strcmp(word, "logout"))
			check("C_Logout", module->C_Logout(session));
		else
			return EX_DATAERR;
		end = now();
		printf("%s %.9f\n", word, strcmp(word, "event") ? end - begin : end);
		fflush(stdout);
	}
	return EX_OK;
}
