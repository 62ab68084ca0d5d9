// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';
import type { account as texts } from './en';

export const account: Record<keyof typeof texts, Entry> = {
  'welcome.title': 'رسائل لا يقرؤها إلا أصحابها',
  'welcome.invited': 'يدعوك {name} إلى المحادثة.',
  'welcome.text': 'كل شيء يُشفَّر على جهازك. الخادم ينقله ولا يستطيع فتحه.',
  'welcome.point1': 'بلا رقم هاتف ولا بريد إلكتروني ولا اسم حقيقي.',
  'welcome.point2': 'المفاتيح ملكك. لا أحد يستطيع تسليمها بدلًا منك.',
  'welcome.point3': 'ترى ما يعرفه الخادم عنك متى شئت.',
  'welcome.recovery': 'حسابك في هذا المتصفح وحده. إن ضاع فلا يمكن استرداده بعد.',
  begin: 'ابدأ',
  'create.title': 'حسابك',
  'create.profile': 'اسمك (اختياري)',
  'create.profile.hint': 'يظهر لمن تكتب إليهم. الخادم لا يراه.',
  'create.host': 'الخادم',
  'create.host.hint': 'عنوان الخادم الذي تريد استخدامه.',
  'create.passphrase': 'عبارة المرور (اختيارية)',
  'create.passphrase.hint':
    'تقفل رسائلك على هذا الجهاز. من دونها يستطيع من يفتح هذا المتصفح قراءتها. لا أحد يستطيع إعادة تعيينها.',
  'create.more': 'خيارات أخرى',
  'create.name': 'العنوان',
  'create.name.hint': 'الجزء الذي يسبق @. اتركه فارغًا لتحصل على عنوان عشوائي لا يدل عليك.',
  'create.name.form': 'من 2 إلى 32 من الأحرف a–z والأرقام 0–9 والنقطة والشرطة والشرطة السفلية، وتبدأ بحرف أو رقم',
  'create.invite': 'رمز الدعوة',
  create: 'إنشاء الحساب',
  'create.busy': 'جارٍ إنشاء حسابك…',
  'recovery.title': 'مفتاح الاسترداد',
  'recovery.text':
    'اكتبه واحفظه في مكان آمن. به ستتمكن من استرداد حسابك. هذا لا يعمل بعد: من يفقد هذا الجهاز الآن يفقد الحساب. لن يظهر مرة أخرى.',
  'recovery.kept': 'لقد كتبته',

  locked: 'مقفل',
  lock: 'قفل الآن',
  passphrase: 'عبارة المرور',
  unlock: 'فتح القفل',
  unlocking: 'جارٍ فتح القفل…',
  'lock.forgot': 'هل نسيتها؟ امحُ كل شيء وابدأ من جديد',
};
