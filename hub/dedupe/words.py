"""Words that matching knows: names that are one name, and words that say nothing about who somebody is.

Written in lower case without accents; the sets of words of names and addresses are folded as
`hub.dedupe.features.words` folds what it reads.
"""

from __future__ import annotations

from typing import Final

# Forms of one given name, a line each (an indented line goes on): short forms and the same name in other
# languages. A form may stand in many lines.
_SAME_NAME: Final = """
john johnny jack jon juan juanito joao joaozinho jan janek jano johann johannes hans hannes hansi jean
    ivan giovanni
joseph joe joey jose jos pepe pepito ze zeca josef jozef jupp sepp giuseppe josep zezinho
james jim jimmy jamie jaime diego santiago tiago thiago iago jaume jakob jakub kuba jacob jacques jake
mary maria marie mia mariquita maruja marysia marija molly mimi miriam mariazinha
anna ana anne ann annie anita anka ania hannah hanna nan nina aninhas anja anya
michael mike mick mickey miguel michal michel micha mikolaj michail miki michele miguelito misha
peter pete pedro piotr piotrek pierre pietro pedrinho petr pierrot
paul paulo pablo pawel pauly paolo paulinho pavel
george jorge jerzy georg georges jurek jorginho jorg jurgen juri schorsch
william bill billy will willy willie guilherme guillermo wilhelm guillaume liam gui memo guille
robert bob bobby rob robbie roberto bert beto rupert
richard rick ricky rich dick ricardo ryszard ricardinho rico rysiek richie
edward ed eddie ted teddy ned eduardo edek eduard edouard edu duarte lalo dudu
thomas tom tommy tomas tomasz tomek tome tomaz
charles charlie chuck carlos karol karl carl carlitos carlinhos kalle lolek chaz charly
henry harry hank henrique enrique henryk heinrich henri quique heinz heiner heniek rique kike hal
francis frank frankie francisco paco pancho chico franciszek franz francois kiko quico franek fran curro
    xico
anthony tony antonio antoni anton antoine tonio antek toni toninho antone tonho nini to toze
andrew andy andre andres andrzej andreas andrea drew jedrek andrezinho
alexander alex alexandre alejandro aleksander sandro sacha xande olek sasha ale alec alessandro xandre
    jandro
stephen steven steve estevao esteban szczepan stefan stephan etienne stefano estefan
matthew matt mateus mateo mateusz matthias mathieu matteus matheus matias mat matthaus
louis lewis lou luis luiz ludwig ludwik luigi lucho lui lula louie
philip phil filipe felipe filip philipp philippe pip felipinho phillip
christopher chris cristovao cristobal krzysztof christoph christophe kit krzysiek krzys kristof topher
daniel dan danny dani danilo danek danielito
david dave davy davi dawid davide
joaquim joaquin quim joachim achim jochen jojo quino
lawrence larry laurence lourenco lorenzo wawrzyniec lorenz laurent lenz laurie
nicholas nick nicolas nicolau mikolaj nikolaus nico klaus claus niko colas
raymond ray raimundo ramon raimund rajmund mundo moncho
raphael rafael rafal rafa rafe raffi
vincent vince vicente vinzenz wincenty chente vin
manuel manny manolo manel manu emanuel emmanuel lolo
ferdinand fernando nando fernand ferdi ferdynand fernandinho
frederick fred freddy frederico federico fryderyk friedrich frederic fritz fede fredi frida
gregory greg gregorio grzegorz gregor gregoire grzesiek goyo
gabriel gabe gabi gaby gabrielito gabo gabriela gabrielle
hugo hugh ugo hugues hugon
ignatius inacio ignacio nacho ignacy ignaz ignace
benjamin ben benny benji benjamim beniamin
bernard nanard bernie bernardo bernhard bernd berni bernat
dominic domi dominik domingos domingo dominique nick mingo
eugene gene eugenio eugeniusz eugen genek
gerald gerry jerry geraldo gerardo gerhard gerard gerd gert
leonard leo len lenny leonardo leonhard leon leonek leandro
mark marc marcos marco marek markus marcus marquitos
martin marty martim marcin martinho marcinek tino
patrick pat paddy patricio patryk patrice rick
samuel sam sammy samuelito szymon
simon simao szymon szymek simone
stanley stan stanislaw stanislaus estanislau staszek stasiek
theodore ted teddy theo teodoro teodor theodor
timothy tim timmy timoteo tymoteusz
walter walt wally gualter wladek
zachary zach zack zacarias zachariasz
albert al bert alberto adalbert wojciech wojtek adalberto berto albrecht bertie
alfred alf fred alfredo fredo alfie
adam adao adan adas
arthur art arturo artur arturek artie
augustine august augusto agustin agostinho gus augustyn guga gutek
leslie les lesley leszek
ronald ron ronnie ronaldo reynaldo rinaldo ronaldinho
donald don donnie donaldo
kenneth ken kenny
kevin kev
lucas luke luca lukasz lukas luc luquinhas
jeffrey jeff geoffrey geoff gottfried godofredo
joshua josh josue
jonathan jon jonny jonatan jonathas
nathaniel nathan nate nat natan
oscar oskar ozzie
ralph rafe raul raoul rolf rudolf
rodolfo rudolf rudolph rudy rodolphe rolf fito
roger rogerio rogelio rudiger rog
sebastian seb bas sebastiao sebastien bastian seba bastien tiao
victor vic vitor wiktor viktor vitinho
elizabeth babette bel liz lizzie beth betty eliza bess lisa elsa isabel isabella isabelle elisabeth
    elzbieta ela
    elisabete ilse lise bella isa liesel elise izabela bete belinha libby betsy lisbeth
catherine kate katie kathy cathy katherine kathryn catarina catalina katarzyna kasia katharina kathe
    kati cat katrin catia karina cata kathrin karin trini kitty kay
margaret maggie meg peggy marge margarida margarita malgorzata gosia margarete marguerite greta grete
    gretel rita daisy guida margot marga madge margie
helen nell ellie helena elena halina helene lena leni ellen eleanor nelly lenka eleonora leonor elenita
susan sue susie suzanne susana zuzanna susanne zuzia suse suzana suzy suzette sanna
theresa terry tess teresa tereska therese resi teresinha tere terri
barbara barb babs basia barbel barbie babi
dorothy dot dottie dorothea doroteia dorotea dorota dora dorotka dorothee thea
eve eva ewa evita evchen evinha
frances fran franny francisca franciszka franziska francoise paquita chica franzi xica
jane joan joana juana joanna johanna jeanne janet jenny asia janina hanna gianna juanita hanne jean jana
joanne jo joanna joana
julia julie julita jule julka juliana juliane julieta giulia
lucy luzia lucia lucja luzie lucie lucinda lu
martha marta marthe marty
agnes ines agnieszka agnete aga agnese inez nes
alice alicia alicja alix ali lici alicinha
angela angie angelina angelika angele aniela gela angelita
beatrice bea beatriz beata beatrix trixie bia bibi beti triz
bridget biddy brigida brygida brigitte birgit gitte brigitta gitta
caroline carol carrie carolina karolina karoline line lina carola caro karola carlota charlotte
charlotte lottie carlota lotte karlota charlie lotta
christine chris christina tina cristina krystyna christiane krysia kristin kristina chrissie christa
    cris kerstin
clara claire klara clare clarinha
deborah deb debbie debora
emily em emilia emilie emmy emilka mila
emma ema emmie
gertrude gert trudy gertrudes gertruda trude gertrud
grace graca gracia grazyna gracie gracinha
irene irena irenka reni rena
jennifer jen jenny
jessica jess jessie
jacqueline jackie jacky
josephine jo josie josefa jozefa josefine josefina pepa fina zefa
judith judy judite judyta jutta jude
kimberly kim
laura laurie lora laurinha lauren
madeleine maddie madalena magdalena magda magdalene lena madeline maddy leni
matilda tilly matilde matylda mathilde tilda mathilda tilde
monica monika monique moni mo
nicole nicky nicola nikola nicoleta nikki nicki
patricia pat patty tricia patrycja pati trish patsy patrizia patricinha
pamela pam
rachel raquel rahel rachael rae rachela
rebecca becky rebeca rebekka rebeka bec
rose rosa rosie roza rosita rosinha rosalie
samantha sam sammy
sandra sandy alexandra alejandra aleksandra ola sasha alex xana sandrine ale
sarah sara sally sadie salka saritas
sophia sophie sofia zofia zosia sonia sofie fifi sofi sofka
stephanie steph stefania estefania steffi stefanie stefcia
sylvia silvia sylwia silvie sylvie silke
valerie val valeria waleria
veronica ronnie weronika veronika vero veronique
victoria vicky tori vitoria wiktoria viktoria viki victoire vicki toya
virginia ginny virginie wirginia gina
vera wiera wera verinha
yvonne ivone iwona ivonne yvette
abigail abby gail abigeil
amanda mandy amandine amandinha
cynthia cindy cintia
pamela pam pamy
gilbert gil gilberto
ludovic ludovico ludo
ivone iwona
vanessa nessa wanessa
fatima fati
conceicao concepcion concha conchita sao
dolores lola dores loli lolita
mercedes merche merced
pilar pili
rosario charo
guadalupe lupe lupita
consuelo chelo
encarnacion encarna
remedios reme
soledad sole marisol
montserrat montse
immaculada inmaculada inma
jesus chus chuy
adelaide adela heidi adelheid adele adelita adelaida
leopold leo leopoldo poldi
malgorzata gosia malgosia
agnieszka aga
krzysztof krzysiek krzys
wojciech wojtek
zbigniew zbyszek
slawomir slawek
miroslaw mirek miroslav
jaroslaw jarek jaroslav
boguslaw bogdan bogus
wladyslaw wladek ladislau ladislaus
kazimierz kazik casimir casimiro kasimir
zygmunt zyga sigmund sigismundo siegmund
przemyslaw przemek
radoslaw radek
dariusz darek dario darius
mariusz mario marius
tadeusz tadek thaddeus tadeu tadeo
waldemar waldek valdemar
bronislaw bronek
ewelina evelina evelyn eveline
joanna asia
katarzyna kasia
wolfgang wolf wolfi
siegfried sigi
manfred manni
gunther gunter gunnar
sigrid siggi
ulrich uli ulrico
dietrich dieter dirk
detlef detlev
mechthild mechthilde mathilde
isabel bel belinha isa isabella
filipe lipe pipo
leonor nono lena
joao joca juca jota
alexandra xana xanda sasha lexi
alejandro jandro ale
benoit ben benito benedikt benedict bento
sebastian basti bastien
steve steven stefan stephen
susan su sue susana
rodrigo digo guigo rodri rodriguinho
antonio tono tonho tonico
teresa teresa tete te tere
carmo carminho carminha carmen carmelita
miguel micas migas migue miguelinho
goncalo gongas gonzalo gonza gonzi
francisca kika kica quica
luis lulu luisinho lucho
luisa luiza lulu lou louise luise
isabel bela belita bela isabelinha
elisabeth sissi sisi lilli elli
steffen stefan
jadwiga jadzia jaga hedwig
angelika geli angi
filipa pipa lipa philippa pippa
juliana ju juju jules
ursula uschi ulla urszula ula ursel ulka
mariana mari nana marianita marianne
kacper kacperek kasper kaspar caspar gaspar
eduarda duda dudinha
fernanda nanda fe fernandinha
luciana lu luci
vitoria vivi vitorinha
natalia nat nati natalie nathalie natascha natasha
leticia le lele laetitia letitia
rafaela rafa rafinha raphaela raffaela
renata renate re renatinha
bruna bru bruninha
camila cami camilla kamila camille
larissa lari
bartosz bartek bartlomiej bartolome bartolomeu bartholomew
maciej maciek
mateusz mati
grzegorz grzes
wlodzimierz wlodek
danuta danka danusia
wieslaw wiesiek
zdzislaw zdzisiek zdzich
czeslaw czesiek
roman romek roma
edward edzio
hildegard hilde hilda
ingeborg inge inga
maximilian max maxi maxime maximiliano maksymilian
florian flo
tobias tobi tobiasz
matthias matze hias
andreas andi
susanne susi susann
bettina tina betty
sabine bine sabina
stephane steph
gonzalo gonzalito
esperanza espe
antonia toni tonia antoinette antonina
mikolaj mikus
jack jackie jak
""".strip()


def fold(word: str) -> str:
    """ae, oe, ue as a, o, u, so that Mueller is Müller is Muller."""
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _folded(text: str) -> frozenset[str]:
    return frozenset(map(fold, text.split()))


def _name_classes(table: str) -> dict[str, frozenset[int]]:
    classes: dict[str, set[int]] = {}
    for number, line in enumerate(table.replace("\n    ", " ").splitlines()):
        for name in line.split():
            classes.setdefault(fold(name), set()).add(number)
    return {name: frozenset(numbers) for name, numbers in classes.items()}


SAME_NAME: Final = _name_classes(_SAME_NAME)
"""Given name → the lines it stands in: two names that share one may be one person's."""

# Names borne by more than about one in 200 people of a country: agreeing on them says less.
COMMON_NAMES: Final = _folded("""
    silva santos ferreira pereira oliveira costa rodrigues martins sousa souza fernandes goncalves gomes
    lopes marques alves almeida ribeiro pinto carvalho teixeira moreira correia mendes nunes lima araujo
    barbosa rocha garcia rodriguez gonzalez fernandez lopez martinez sanchez perez gomez martin jimenez
    ruiz hernandez diaz moreno munoz alvarez romero alonso gutierrez navarro torres ramos gil ramirez
    nowak kowalski kowalska wisniewski wisniewska wojcik kowalczyk kaminski kaminska lewandowski
    lewandowska zielinski zielinska szymanski szymanska wozniak dabrowski dabrowska kozlowski kozlowska
    muller schmidt schneider fischer weber meyer wagner becker schulz hoffmann koch bauer richter klein
    wolf schroder neumann schwarz braun zimmermann smith johnson williams brown jones miller davis
    wilson anderson taylor thomas moore jackson white harris thompson robinson walker young allen king
    wright scott hill green adams nelson baker hall campbell bernard dubois robert richard petit durand
    leroy moreau simon laurent lefebvre michel david bertrand roux maria jose joao ana antonio manuel
    francisco carlos paulo pedro luis ines rita miguel marta juan carmen javier laura anna jan piotr
    krzysztof andrzej katarzyna malgorzata agnieszka michael peter andreas stefan christian sabine
    susanne petra john mary james william elizabeth jennifer linda jean marie pierre philippe nathalie
    isabelle catherine sofia daniel
""")

PARTICLES: Final = _folded("""
    de da do dos das del della di du des la las los le les van von vom der den dem ten ter zu zum zur af
    al el
""")
TITLES: Final = _folded("""
    mr mrs ms miss dr dra drs prof profa eng enga sra sr srta don dona herr frau mme mlle pan pani
    doutor doutora dipl ing arq lic
""")
GENERATIONS: Final = {
    **dict.fromkeys(("jr", "junior", "jun", "filho", "hijo", "fils", "ii"), "2"),
    **dict.fromkeys(("neto", "nieto", "iii"), "3"),
    **dict.fromkeys(("senior", "sen", "pai", "pere"), "1"),
    "iv": "4",
}

SONS: Final = _folded("filho hijo fils")
BETWEEN: Final = SONS | {"jr", "junior", "ii", "iii"}
"""Generations that stand within a name, where the family name comes first; not those that are names elsewhere (jun)."""

ALSO_SURNAMES: Final = _folded("filho hijo fils neto nieto pai pere")

PLACEHOLDERS: Final = _folded("""
    na nan nd none null nil unknown test teste tests tbd tba xxx xx xxxx abc asdf qwerty nao
    desconhecido desconhecida desconocido desconocida unbekannt keine kein inconnu inconnue brak
    nieznany nieznana anonymous anonimo anonym sem nome ninguem nobody noname dummy example sample
    delete deleted nicht angegeben aucun vazio empty todo demo fake user undefined
""")
JUNK_LOCALS: Final = PLACEHOLDERS | _set("""
    noreply donotreply notreply nospam spam naotem noemail nomail notem noone postmaster mailerdaemon
    bounce bounces devnull
""")
JUNK_BIRTHS: Final = _set("""
    1900-01-01 1899-12-30 1899-12-31 1901-01-01 1970-01-01 1111-11-11 2000-01-01 1980-01-01 1950-01-01
""")
ROLES: Final = _set("""
    info geral office kontakt contact contacto contato contactos admin administracao administration
    sales vendas ventas vertrieb verkauf biuro sekretariat comercial commercial filial secretaria
    secretariat hello hallo ola hola mail email post team support suporte soporte accueil buero buro
    service servico marketing billing invoice faturas facturas faturacao facturacion accounts accounting
    buchhaltung ksiegowosc compras purchasing einkauf zakupy rh hr jobs recursoshumanos reception
    recepcao recepcion empfang direction direccao help helpdesk webmaster it press presse newsletter
    shop loja tienda sklep atendimento clientes customer customerservice enquiries inquiries general
    central sede oddzial filiale succursale branch
""")
HOUSEHOLDS: Final = _set("""
    family familia familie famille famiglia rodzina fam casa haus haushalt hogar lar dom home household
""")
FREE_DOMAINS: Final = _set("""
    gmail googlemail hotmail outlook live msn yahoo ymail icloud me mac aol gmx web tonline freenet sapo
    iol clix uol bol terra ig globo telefonica wp onet interia o2 op orange wanadoo free laposte sfr
    comcast verizon att sbcglobal bellsouth protonmail proton mail posteo
""")

LEGAL_FORMS: Final = _folded("""
    lda ltda limitada ltd limited unipessoal sa sas sarl sasu eurl sci snc scop sl slu slne sll scl coop
    sociedad sociedade anonima spolka spoo sp zoo oo o akcyjna jawna komandytowa sj sk spk gmbh ag kg
    kgaa ohg gbr ug eg ev mbh co cia inc incorporated corp corporation company llc llp lp plc pty eireli
    epp me mei srl spa nv bv societe responsabilite limitee gesellschaft haftung
""")

SURE_LEGAL_FORMS: Final = _folded("lda ltda limitada ltd gmbh sarl sas eirl inc llc eireli srl zoo plc")

STREET_WORDS: Final = _folded("""
    rua r ru avenida av avda ave avenue travessa tv trav largo lg praca pca praceta pct estrada est
    rodovia rod alameda al calle c cl plaza pl pza paseo pso ps carretera ctra camino cno ronda ulica ul
    aleja aleje os osiedle plac strasse str weg wg platz allee gasse street st road rd drive dr lane ln
    boulevard blvd bd court ct square sq place way terrace chemin ch impasse imp route rte quai cours
    apt apartment apto ap flat unit suite ste dto esq andar piso n no nr num m d e
""")
